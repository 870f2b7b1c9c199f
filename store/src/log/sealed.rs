//! An open log: the writer.

use super::reader::LogReader;
use super::replay::replay;
use super::shared::Shared;
use super::{Append, Head, LockedLog};
use crate::backend::Address;
use crate::backend_error::BackendError;
use crate::chain::Digest;
use crate::error::StoreError;
use std::sync::Arc;

/// An open log. There is one writer; [`SealedLog::reader`] gives any number of readers, which never wait for it.
pub struct SealedLog {
    shared: Arc<Shared>,
    /// Digests and blobs of an append of which is not known whether it is on the disk.
    in_doubt: Option<(Vec<Digest>, Vec<Address>)>,
}

impl SealedLog {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, in_doubt: None }
    }

    /// Appends events and blobs: durable and visible to readers on return, all together or not at all.
    ///
    /// # Errors
    /// Nothing was appended where [`crate::BackendError::leaves_doubt`] does not hold. Otherwise the log refuses
    /// further appends with [`crate::BackendError::Poisoned`] until its engine is opened anew, which shows whether they
    /// are there ([`Self::reopen`]); locking and unlocking is not enough.
    pub fn append(&mut self, append: Append<'_>) -> Result<Head, StoreError> {
        let Shared { backend, keys, header, .. } = self.shared.as_ref();
        let head = self.shared.head();
        let (batch, digests) = append.seal(backend.as_ref(), keys, header, head.events, head.digest)?;
        if let Err(error) = backend.append(&batch) {
            // A refusal because of earlier doubt says nothing new.
            if error.leaves_doubt() && !matches!(error, BackendError::Poisoned) {
                let blobs = batch.blobs.into_iter().map(|(address, _)| address).collect();
                self.in_doubt = Some((digests, blobs));
            }
            return Err(error.into());
        }
        Ok(self.shared.advance(digests))
    }

    /// Opens the engine anew after an append that left doubt, and reads all of it: it must hold what this log holds,
    /// and may hold that append. The head tells whether it does. The log goes on from there, its readers included.
    ///
    /// # Errors
    /// When the engine cannot be opened, or holds anything else ([`StoreError::Diverged`]). The log must not be used
    /// any more then.
    pub fn reopen(&mut self) -> Result<Head, StoreError> {
        let Shared { backend, header, .. } = self.shared.as_ref();
        backend.reopen()?;
        let (_, origin) = self.shared.noted_before(0);
        let found = backend.header()?.ok_or(StoreError::Diverged)?;
        if found != header.to_bytes() {
            return Err(StoreError::Diverged);
        }
        let known = self.shared.head();
        let (digests, blobs) = self.in_doubt.take().unwrap_or_default();
        let events = backend.head()?;
        let more = events.checked_sub(known.events).ok_or(StoreError::Diverged)?;
        let mut expected = (known.events > 0).then_some(known).into_iter().collect::<Vec<_>>();
        if more > 0 {
            let position = known.events.saturating_add(1);
            expected
                .extend((position..).zip(&digests).map(|(events, digest)| Head { events, digest: *digest }));
        }
        if expected.last().map_or(0, |last| last.events) != events {
            return Err(StoreError::Diverged);
        }
        let mut expected = expected.into_iter().peekable();
        replay(backend.as_ref(), 0..events, origin, |step| -> Result<(), StoreError> {
            let here = Head { events: step.position.saturating_add(1), digest: step.digest };
            match expected.next_if(|expected| expected.events == here.events) {
                Some(expected) if expected != here => Err(StoreError::Diverged),
                _ => Ok(()),
            }
        })?;
        if more == 0 {
            return Ok(known);
        }
        for blob in &blobs {
            if !backend.has_blob(blob)? {
                return Err(StoreError::Diverged);
            }
        }
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
