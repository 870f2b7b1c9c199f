//! A manifest together with the bytes it was read from.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{
    MAX_NESTING, Manifest, ManifestErrors, decode,
    json::{self, Place},
    limits::Purpose,
};

/// A valid manifest and its exact bytes. Cheap to clone.
#[derive(Clone)]
pub struct ManifestDocument {
    bytes: Arc<[u8]>,
    digest: [u8; 32],
    manifest: Arc<Manifest>,
}

impl ManifestDocument {
    /// Reads and validates a manifest that is to be set. No part of it may be larger than its [`Limit`](crate::Limit).
    ///
    /// # Errors
    /// Everything that is wrong with it; see [`ManifestErrors`].
    pub fn parse(bytes: impl AsRef<[u8]> + Into<Arc<[u8]>>) -> Result<Self, ManifestErrors> {
        Self::read(bytes, Purpose::Set)
    }

    /// Reads and validates a manifest that was set before, when there may have been no limits yet. Only its length is
    /// bounded, by [`MAX_STORED_MANIFEST_LEN`](crate::MAX_STORED_MANIFEST_LEN).
    ///
    /// # Errors
    /// Everything that is wrong with it; see [`ManifestErrors`].
    pub fn parse_stored(bytes: impl AsRef<[u8]> + Into<Arc<[u8]>>) -> Result<Self, ManifestErrors> {
        Self::read(bytes, Purpose::Stored)
    }

    fn read(bytes: impl AsRef<[u8]> + Into<Arc<[u8]>>, purpose: Purpose) -> Result<Self, ManifestErrors> {
        let manifest = Arc::new(understand(bytes.as_ref(), purpose)?);
        let digest = Sha256::digest(bytes.as_ref()).into();
        Ok(Self { bytes: bytes.into(), digest, manifest })
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

fn understand(bytes: &[u8], purpose: Purpose) -> Result<Manifest, ManifestErrors> {
    let (length, longest) = (bytes.len(), purpose.longest());
    if length == 0 {
        return Err(ManifestErrors::Empty);
    }
    if length > longest {
        return Err(ManifestErrors::TooLong { length, longest });
    }
    if let Some(place) = json::too_deep(bytes, MAX_NESTING) {
        return Err(ManifestErrors::TooDeep { place });
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ManifestErrors::NotUtf8 { place: Place::of(bytes, error.valid_up_to()) })?;
    if text.starts_with('\u{feff}') {
        return Err(ManifestErrors::ByteOrderMark);
    }
    let top = json::parse(text).map_err(ManifestErrors::NotJson)?;
    decode::manifest(top, purpose)
}
