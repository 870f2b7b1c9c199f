//! What is in a container image: its name, its configuration, its layers.
//!
//! Knows nothing of Kubernetes, of policies, or of the command line.

mod cache;
mod compression;
mod config;
mod descriptor;
mod digest;
mod layer;
mod layout;
mod manifest;
mod reference;
mod registry;
mod source;
mod tar;
#[cfg(test)]
mod testing;
mod users;
mod verity;

pub use cache::{Cache, CachedSource};
pub use config::{Config, ConfigError, MAX_CONFIG};
pub use descriptor::{Descriptor, Platform};
pub use digest::{Digest, DigestError, Mismatch};
pub use layer::{AccountsError, LayerError, LayerFacts, Wanted};
pub use layout::{Layout, LayoutError};
pub use manifest::{Document, Index, MAX_MANIFEST, Manifest, ManifestError};
pub use reference::{Reference, ReferenceError};
pub use registry::{
    Credential, CredentialError, Credentials, MirrorError, Mirrors, Proxies, ProxyError, Registries,
    RegistryError, RegistryOptions, RegistryPatience, Repository,
};
pub use source::{Image, ImageError, Layer, Source, SourceError};
pub use tar::TarError;
pub use users::{Accounts, GroupPart, Id, Identity, User};
pub use verity::{IndexError, RootHash};
