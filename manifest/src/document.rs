//! A manifest together with the bytes it was read from.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{Manifest, ManifestErrors, decode, json};

/// Longest manifest that is read, in bytes.
pub const MAX_MANIFEST_LEN: usize = 4 * 1024 * 1024;

/// A valid manifest and its exact bytes. Cheap to clone.
#[derive(Clone)]
pub struct ManifestDocument {
    bytes: Arc<[u8]>,
    digest: [u8; 32],
    manifest: Arc<Manifest>,
}

impl ManifestDocument {
    /// Reads and validates a manifest.
    ///
    /// # Errors
    /// Everything that is wrong with it; see [`ManifestErrors`].
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Self, ManifestErrors> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(ManifestErrors::Empty);
        }
        if bytes.len() > MAX_MANIFEST_LEN {
            return Err(ManifestErrors::TooLong { length: bytes.len() });
        }
        let tree = json::parse(&bytes).map_err(ManifestErrors::NotJson)?;
        let manifest = Arc::new(decode::manifest(&tree)?);
        let digest = Sha256::digest(&bytes).into();
        Ok(Self { bytes, digest, manifest })
    }

    /// The bytes as they were read.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What the bytes say.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

impl fmt::Debug for ManifestDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestDocument").field("digest", &hex::encode(self.digest)).finish_non_exhaustive()
    }
}
