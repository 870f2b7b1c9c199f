//! What is in a container image: its name, its configuration, its layers.
//!
//! Knows nothing of Kubernetes, of policies, or of the command line.

mod digest;
mod reference;

pub use digest::{Digest, DigestError, Mismatch};
pub use reference::{Reference, ReferenceError};
