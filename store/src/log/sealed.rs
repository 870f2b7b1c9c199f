//! An open log: the writer.

use super::reader::LogReader;
use super::shared::Shared;
use super::{Append, Head, LockedLog};
use crate::error::StoreError;
use std::sync::Arc;

/// An open log. There is one writer; [`SealedLog::reader`] gives any number of readers, which never wait for it.
pub struct SealedLog {
    shared: Arc<Shared>,
}

impl SealedLog {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Appends events and blobs: durable and visible to readers on return, all together or not at all.
    ///
    /// # Errors
    /// Nothing was appended where [`crate::BackendError::leaves_doubt`] does not hold. Otherwise the log refuses
    /// further appends with [`crate::BackendError::Poisoned`] until its engine is opened anew, which shows whether they
    /// are there; locking and unlocking is not enough.
    pub fn append(&mut self, append: Append<'_>) -> Result<Head, StoreError> {
        let Shared { backend, keys, header, .. } = self.shared.as_ref();
        let head = self.shared.head();
        let (batch, digests) = append.seal(backend.as_ref(), keys, header, head.events, head.digest)?;
        backend.append(&batch)?;
        Ok(self.shared.advance(digests))
    }

    /// Forgets the keys: the log as it was before it was unlocked, for a caller who finds out that it must not be
    /// used. Readers that are still around keep the keys that they have.
    #[must_use]
    pub fn lock(self) -> LockedLog {
        let (_, origin) = self.shared.noted_before(0);
        let Shared { backend, header, .. } = self.shared.as_ref();
        LockedLog::new(Arc::clone(backend), header.clone(), origin, self.shared.head().events)
    }

    /// A reader of this log.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.shared))
    }
}

impl std::fmt::Debug for SealedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedLog").field("head", &self.shared.head()).finish_non_exhaustive()
    }
}
