//! Walking over stored records in order, reading ahead on a second thread.

use crate::backend::Backend;
use crate::chain::{self, Digest};
use crate::error::StoreError;
use std::ops::Range;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Payload that is read at a time.
const BATCH_BYTES: usize = 256 << 10;
/// Batches that wait between the two threads.
const WAITING: usize = 2;
/// Below this number of records a thread is not worth starting.
const FEW: u64 = 64;

/// A stored record on its way.
pub(super) struct Step<'a> {
    pub(super) position: u64,
    /// Chain digest before it.
    pub(super) previous: Digest,
    /// Chain digest with it.
    pub(super) digest: Digest,
    pub(super) sealed: &'a mut [u8],
}

/// Hands out the records of `range` with their chain digests; `origin` is the digest before the first.
/// Stops at the first error, of either side.
pub(super) fn replay<E: From<StoreError>>(
    backend: &dyn Backend,
    range: Range<u64>,
    origin: Digest,
    mut on_step: impl FnMut(Step<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut previous = origin;
    let mut position = range.start;
    let mut on_batch = |batch: Vec<Vec<u8>>| -> Result<(), E> {
        for mut sealed in batch {
            let digest = chain::after(&previous, &sealed);
            on_step(Step { position, previous, digest, sealed: &mut sealed })?;
            previous = digest;
            position = position.saturating_add(1);
        }
        Ok(())
    };
    let mut source = Source { backend, next: range.start, end: range.end };
    if range.end.saturating_sub(range.start) <= FEW {
        while let Some(batch) = source.next_batch()? {
            on_batch(batch)?;
        }
        return Ok(());
    }
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("store-read-ahead".to_owned())
            .spawn_scoped(scope, move || read_ahead(source, &sender))
            .map_err(StoreError::Thread)?;
        // Leaving early drops the receiver, which ends the other thread.
        receiver.into_iter().try_for_each(|batch| on_batch(batch?))
    })
}

/// The engine takes about as long as hashing and decrypting together, so this thread does nothing else.
struct Source<'a> {
    backend: &'a dyn Backend,
    next: u64,
    end: u64,
}

impl Source<'_> {
    /// The next records, or `None` at the end.
    fn next_batch(&mut self) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        if self.next >= self.end {
            return Ok(None);
        }
        let mut records = self.backend.read(self.next, BATCH_BYTES)?;
        if records.is_empty() {
            return Err(StoreError::BeyondEnd { wanted: self.next, found: self.next });
        }
        // The log may have grown since the range was chosen.
        let wanted = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        records.truncate(wanted);
        self.next = self.next.saturating_add(records.len() as u64);
        Ok(Some(records))
    }
}

fn read_ahead(mut source: Source<'_>, to: &SyncSender<Result<Vec<Vec<u8>>, StoreError>>) {
    while let Some(batch) = source.next_batch().transpose() {
        let last = batch.is_err();
        if to.send(batch).is_err() || last {
            return;
        }
    }
}
