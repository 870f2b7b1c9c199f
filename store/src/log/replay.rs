//! Walking over stored records in order, reading ahead on a second thread.

use super::Replayed;
use crate::backend::{Backend, RecordBatch};
use crate::chain::{self, Digest};
use crate::error::StoreError;
use crate::header::Header;
use crate::keys::Keys;
use crate::record::open_record;
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

/// Hands out the events of `range`, authenticated; `origin` is the chain digest before the first.
/// Stops at the first error, of either side.
pub(super) fn replay_events<E: From<StoreError>>(
    backend: &dyn Backend,
    range: Range<u64>,
    origin: Digest,
    (keys, header): (&Keys, &Header),
    mut on_event: impl FnMut(Replayed<'_>) -> Result<(), E>,
) -> Result<(), E> {
    replay(backend, range, origin, |step| {
        let Step { position, previous, digest, sealed } = step;
        let event = open_record(keys, header, position, &previous, sealed)
            .map_err(|_| StoreError::Unverified { position })?;
        on_event(Replayed { position, digest, event })
    })
}

/// Hands out the records of `range` with their chain digests; `origin` is the digest before the first.
/// Stops at the first error, of either side.
pub(super) fn replay<E: From<StoreError>>(
    backend: &dyn Backend,
    range: Range<u64>,
    origin: Digest,
    mut on_step: impl FnMut(Step<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut previous, mut position) = (origin, range.start);
    let mut on_batch = |mut batch: RecordBatch| -> Result<(), E> {
        for index in 0..batch.len() {
            // The log may have grown since the range was chosen.
            if position >= range.end {
                break;
            }
            let sealed = batch.get_mut(index).unwrap_or_default();
            let digest = chain::after(&previous, sealed);
            on_step(Step { position, previous, digest, sealed })?;
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

/// Reads. Chaining, decrypting, and what the caller does with an event take about as long together; so there is a thread
/// for each of the two.
struct Source<'a> {
    backend: &'a dyn Backend,
    next: u64,
    end: u64,
}

impl Source<'_> {
    /// The next records, or `None` at the end.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, StoreError> {
        if self.next >= self.end {
            return Ok(None);
        }
        let records = self.backend.read(self.next, BATCH_BYTES)?;
        if records.is_empty() {
            return Err(StoreError::BeyondEnd { wanted: self.next, found: self.next });
        }
        self.next = self.next.saturating_add(records.len() as u64);
        Ok(Some(records))
    }
}

fn read_ahead(mut source: Source<'_>, to: &SyncSender<Result<RecordBatch, StoreError>>) {
    while let Some(batch) = source.next_batch().transpose() {
        let last = batch.is_err();
        if to.send(batch).is_err() || last {
            return;
        }
    }
}
