//! An open log: the readers.

use super::replay::replay_events;
use super::shared::Shared;
use super::{Head, OwnedReplayed, Replayed};
use crate::backend::{Address, RecordBatch};
use crate::chain::{self, Digest};
use crate::error::StoreError;
use crate::header::Header;
use crate::record::{blob_binding, open, open_record};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Payload that an iterator reads at a time.
const BATCH_BYTES: usize = 64 << 10;

/// Reads an open log. Cheap to clone; any number can be used at the same time from any thread.
#[derive(Clone)]
pub struct LogReader {
    shared: Arc<Shared>,
}

impl LogReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.shared.header
    }

    /// The end of the log: what was acknowledged last.
    #[must_use]
    pub fn head(&self) -> Head {
        self.shared.head()
    }

    /// The events at the positions `range`, which is cut at the head.
    #[must_use]
    pub fn read(&self, range: Range<u64>) -> Records {
        let end = range.end.min(self.head().events);
        let start = range.start.min(end);
        let (at, digest) = self.shared.noted_before(start);
        Records {
            shared: Arc::clone(&self.shared),
            at,
            digest,
            start,
            end,
            buffer: RecordBatch::default(),
            used: 0,
        }
    }

    /// The blob with this SHA-256.
    ///
    /// # Errors
    /// If there is none, it does not verify, or the engine fails.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let address = self.shared.keys.blob_address(digest);
        let blob = self.open_blob(&address)?.ok_or(StoreError::BlobMissing { digest: *digest })?;
        if chain::of_blob(&blob) != *digest {
            return Err(StoreError::BlobUnverified { address });
        }
        Ok(blob)
    }

    /// Waits until the log has more than `seen` events, at most for `timeout`; returns the head. Blocks the thread.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn watch(&self, seen: u64, timeout: Duration) -> Result<Head, StoreError> {
        self.shared.backend.watch(seen, timeout)?;
        Ok(self.head())
    }

    /// Reads and authenticates every event and every blob that is stored, and hands out the events in order.
    ///
    /// # Errors
    /// The first that does not verify.
    pub fn check_all(&self, mut on_event: impl FnMut(Replayed<'_>)) -> Result<Head, StoreError> {
        let Shared { backend, keys, header, .. } = self.shared.as_ref();
        let head = self.head();
        let (_, origin) = self.shared.noted_before(0);
        let mut digest = origin;
        let with = (keys, header);
        replay_events(
            backend.as_ref(),
            0..head.events,
            origin,
            with,
            |replayed| -> Result<(), StoreError> {
                digest = replayed.digest;
                on_event(replayed);
                Ok(())
            },
        )?;
        if digest != head.digest {
            return Err(StoreError::Unverified { position: head.events.saturating_sub(1) });
        }
        self.check_blobs()?;
        Ok(head)
    }

    /// Every stored blob opens, and is kept at the address that its content asks for.
    pub(crate) fn check_blobs(&self) -> Result<u64, StoreError> {
        let (mut after, mut number) = (None::<Address>, 0u64);
        while let Some(address) = self.shared.backend.next_blob(after.as_ref())? {
            after = Some(address);
            // An interrupted append may have left a part of a blob that no event names.
            let Some(blob) = self.open_blob(&address)? else { continue };
            if self.shared.keys.blob_address(&chain::of_blob(&blob)) != address {
                return Err(StoreError::BlobUnverified { address });
            }
            number = number.saturating_add(1);
        }
        Ok(number)
    }

    fn open_blob(&self, address: &Address) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(mut sealed) = self.shared.backend.blob(address)? else { return Ok(None) };
        let binding = blob_binding(&self.shared.header, address);
        let blob = open(&self.shared.keys.blobs, &binding, &mut sealed)
            .map_err(|_| StoreError::BlobUnverified { address: *address })?;
        Ok(Some(blob.to_vec()))
    }
}

impl std::fmt::Debug for LogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogReader").field("head", &self.head()).finish_non_exhaustive()
    }
}

/// Iterator over events; ends after the first error.
pub struct Records {
    shared: Arc<Shared>,
    /// Position and previous digest of the next record.
    at: u64,
    digest: Digest,
    /// First position to hand out; those before are only chained.
    start: u64,
    end: u64,
    buffer: RecordBatch,
    /// Records of the buffer that are done with.
    used: usize,
}

impl Iterator for Records {
    type Item = Result<OwnedReplayed, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.end {
            match self.step() {
                Ok(None) => {}
                Ok(Some(replayed)) => return Some(Ok(replayed)),
                Err(error) => {
                    self.end = self.at;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl Records {
    /// Takes one record; `None` if it lies before the start.
    fn step(&mut self) -> Result<Option<OwnedReplayed>, StoreError> {
        let position = self.at;
        if self.used >= self.buffer.len() {
            self.buffer = self.shared.backend.read(position, BATCH_BYTES)?;
            self.used = 0;
        }
        let beyond_end = StoreError::BeyondEnd { wanted: position, found: position };
        let sealed = self.buffer.get_mut(self.used).ok_or(beyond_end)?;
        self.used = self.used.saturating_add(1);
        let previous = self.digest;
        self.digest = chain::after(&previous, sealed);
        self.at = position.saturating_add(1);
        if position < self.start {
            return Ok(None);
        }
        let Shared { keys, header, .. } = self.shared.as_ref();
        let event = open_record(keys, header, position, &previous, sealed)
            .map_err(|_| StoreError::Unverified { position })?;
        Ok(Some(OwnedReplayed { position, digest: self.digest, event: event.to_vec() }))
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("next", &self.at.max(self.start))
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
