//! What is in a container image: its name, its configuration, its layers.
//!
//! Knows nothing of Kubernetes, of policies, or of the command line.

mod config;
mod descriptor;
mod digest;
mod manifest;
mod reference;
mod tar;
#[cfg(test)]
mod testing;

pub use config::{Config, ConfigError, MAX_CONFIG};
pub use descriptor::{Descriptor, Platform};
pub use digest::{Digest, DigestError, Mismatch};
pub use manifest::{Document, Index, MAX_MANIFEST, Manifest, ManifestError};
pub use reference::{Reference, ReferenceError};
pub use tar::TarError;
