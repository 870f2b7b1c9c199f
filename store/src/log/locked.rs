//! A log whose seed is not known.

use super::replay::{replay, replay_events};
use super::shared::{Progress, Shared};
use super::{Replayed, SealedLog};
use crate::backend::Backend;
use crate::chain::Digest;
use crate::error::{StoreError, UnlockError};
use crate::header::Header;
use crate::keys::Keys;
use std::sync::Arc;

/// A log before it was unlocked. Its header can be read, its records can be counted and chained.
pub struct LockedLog {
    backend: Arc<dyn Backend>,
    /// Boxed, because a failed unlocking hands the log back next to an error.
    start: Box<Start>,
    events: u64,
}

struct Start {
    header: Header,
    /// The chain digest before the first record.
    origin: Digest,
}

impl LockedLog {
    pub(super) fn new(backend: Arc<dyn Backend>, header: Header, origin: Digest, events: u64) -> Self {
        Self { backend, start: Box::new(Start { header, origin }), events }
    }

    /// The header. Not trustworthy before the log was unlocked.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.start.header
    }

    /// Number of events.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Version of the engine's layout of keys.
    #[must_use]
    pub fn layout_version(&self) -> u32 {
        self.backend.layout_version()
    }

    /// The chain digest over all records: reads the whole log. Not trustworthy before the log was unlocked.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn head_digest(&self) -> Result<Digest, StoreError> {
        let mut head = self.start.origin;
        replay(self.backend.as_ref(), 0..self.events, self.start.origin, |step| -> Result<(), StoreError> {
            head = step.digest;
            Ok(())
        })?;
        Ok(head)
    }

    /// Checks the seed, then reads, authenticates and hands out every event in order. Memory does not grow with the
    /// length of the log.
    ///
    /// # Errors
    /// Wrong seed, the first record that does not verify, or the first event that `on_event` refuses. The log is
    /// given back, locked as before.
    pub fn unlock<E>(
        self,
        seed: &[u8],
        on_event: impl FnMut(Replayed<'_>) -> Result<(), E>,
    ) -> Result<SealedLog, (Self, UnlockError<E>)> {
        match self.replay_with(seed, on_event) {
            Ok((keys, progress)) => {
                Ok(SealedLog::new(Shared::new(self.backend, keys, self.start.header, progress)))
            }
            Err(error) => Err((self, error)),
        }
    }

    fn replay_with<E>(
        &self,
        seed: &[u8],
        mut on_event: impl FnMut(Replayed<'_>) -> Result<(), E>,
    ) -> Result<(Keys, Progress), UnlockError<E>> {
        let keys =
            Keys::of(seed, &self.start.header).ok_or(StoreError::SeedTooShort { length: seed.len() })?;
        if keys.key_check() != self.start.header.key_check {
            return Err(StoreError::WrongSeed.into());
        }
        let mut progress = Progress::new(self.start.origin, []);
        let range = 0..self.events;
        let with = (&keys, &self.start.header);
        replay_events(
            self.backend.as_ref(),
            range,
            self.start.origin,
            with,
            |replayed| -> Result<(), UnlockError<E>> {
                let Replayed { position, digest, .. } = replayed;
                on_event(replayed).map_err(|reason| UnlockError::Event { position, reason })?;
                progress.push(digest);
                Ok(())
            },
        )?;
        Ok((keys, progress))
    }
}

impl std::fmt::Debug for LockedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockedLog").field("events", &self.events).finish_non_exhaustive()
    }
}
