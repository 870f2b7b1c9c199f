//! No log yet.

use super::shared::Shared;
use super::{Append, SealedLog};
use crate::backend::Backend;
use crate::error::StoreError;
use crate::header::{FORMAT_VERSION, Header};
use crate::keys::Keys;
use crate::record::SealError;
use std::sync::Arc;

/// A place for a log.
pub struct EmptyLog {
    backend: Arc<dyn Backend>,
}

impl EmptyLog {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// Begins a log: header, first events and their blobs become durable together, or nothing does.
    ///
    /// `seed` has at least [`crate::MIN_SEED_LEN`] bytes; `seed_shares` is opaque and can be read back without the seed.
    ///
    /// # Errors
    /// The place is given back, so that another attempt can be made after the cause has gone.
    pub fn initialize(
        self,
        seed: &[u8],
        salt: [u8; 32],
        seed_shares: Vec<u8>,
        first: Append<'_>,
    ) -> Result<SealedLog, (Self, StoreError)> {
        match self.begin(seed, salt, seed_shares, &first) {
            Ok((keys, header, head)) => Ok(SealedLog::new(Shared::new(self.backend, keys, header, head))),
            Err(error) => Err((self, error)),
        }
    }

    fn begin(
        &self,
        seed: &[u8],
        salt: [u8; 32],
        seed_shares: Vec<u8>,
        first: &Append<'_>,
    ) -> Result<(Keys, Header, super::shared::Progress), StoreError> {
        if first.events.is_empty() {
            return Err(StoreError::NoEvents);
        }
        let mut log_id = [0; 16];
        getrandom::fill(&mut log_id).map_err(SealError::from)?;
        let too_short = StoreError::SeedTooShort { length: seed.len() };
        let keys = Keys::derive(seed, &salt, &log_id).ok_or(too_short)?;
        let header =
            Header { format_version: FORMAT_VERSION, log_id, salt, seed_shares, key_check: keys.key_check() };
        let bytes = header.to_bytes();
        let (_, origin) = Header::parse(&bytes)?;
        let (mut batch, digests) = first.seal(self.backend.as_ref(), &keys, &header, 0, origin)?;
        batch.header = Some(bytes);
        self.backend.append(&batch)?;
        Ok((keys, header, super::shared::Progress::new(origin, digests)))
    }
}

impl std::fmt::Debug for EmptyLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmptyLog").finish_non_exhaustive()
    }
}
