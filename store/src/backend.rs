//! What a storage engine has to offer: an append-only list of opaque records, and opaque blobs by address.

use crate::backend_error::BackendError;
use std::ops::Range;
use std::time::Duration;

/// Where a blob is kept. Meaningless to the engine.
pub type Address = [u8; 32];

/// One append: everything in it becomes durable together, or nothing does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Position of the first record; must be the engine's head.
    pub at: u64,
    /// Given with the first append of a log (`at` 0), and never again.
    pub header: Option<Vec<u8>>,
    /// Records for the positions from `at`, in order.
    pub records: Vec<Vec<u8>>,
    /// Blobs by address. An address that is already in use is not written again by [`crate::SealedLog`].
    pub blobs: Vec<(Address, Vec<u8>)>,
}

impl Batch {
    /// Number of payload bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let header = self.header.iter().map(Vec::len);
        let records = self.records.iter().map(Vec::len);
        let blobs = self.blobs.iter().map(|(_, bytes)| bytes.len());
        header.chain(records).chain(blobs).map(|len| len as u64).sum()
    }
}

/// Records as they are read: in one buffer, so that reading many is cheap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordBatch {
    /// The records, and what else the engine keeps between them.
    pub bytes: Vec<u8>,
    /// Where in `bytes` each record is, in order.
    pub spans: Vec<Range<usize>>,
}

impl RecordBatch {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A record by its place in this batch, to be opened in place.
    #[must_use]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut [u8]> {
        let span = self.spans.get(index)?.clone();
        self.bytes.get_mut(span)
    }

    /// Adds a record.
    pub fn push(&mut self, record: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record);
        self.spans.push(start..self.bytes.len());
    }
}

/// A storage engine. It sees opaque bytes only, and is not trusted with more than keeping them.
///
/// Positions count from 0 without gaps. Nothing is ever changed or removed.
pub trait Backend: Send + Sync + 'static {
    /// Version of the engine's layout of keys, after migrations; for people.
    fn layout_version(&self) -> u32;

    /// The header, or `None` while the log is empty.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be read.
    fn header(&self) -> Result<Option<Vec<u8>>, BackendError>;

    /// Number of records.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be found out.
    fn head(&self) -> Result<u64, BackendError>;

    /// Appends if the position is free: the compare-and-swap of writers. Durable when it returns.
    ///
    /// # Errors
    /// [`BackendError::PositionTaken`] if `batch.at` is not the head. Where [`BackendError::leaves_doubt`] holds,
    /// the batch may or may not be found when the engine is opened again; until then every append to this log is
    /// refused with [`BackendError::Poisoned`], whoever asks.
    fn append(&self, batch: &Batch) -> Result<(), BackendError>;

    /// Closes the engine and opens it anew, after an append that left doubt: from then on it holds what the disk has,
    /// and takes appends again. Readers wait meanwhile.
    ///
    /// # Errors
    /// [`BackendError`] as at the first opening. Nothing can be read or appended then, but this can be tried again.
    fn reopen(&self) -> Result<(), BackendError>;

    /// Records from position `from`, in order: about `budget` bytes of them, at least one unless `from` is the head.
    /// An engine that keeps together what was appended together may read that to its end.
    ///
    /// # Errors
    /// [`BackendError::Missing`] where a record below the head is not there.
    fn read(&self, from: u64, budget: usize) -> Result<RecordBatch, BackendError>;

    /// A blob, or `None` if nothing is kept at this address.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be read.
    fn blob(&self, address: &Address) -> Result<Option<Vec<u8>>, BackendError>;

    /// Whether something is kept at this address.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be found out.
    fn has_blob(&self, address: &Address) -> Result<bool, BackendError>;

    /// The next address in ascending order after `after` (`None`: the first), or `None` at the end. There may be
    /// addresses of blobs whose append was interrupted; nothing is kept there.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be read.
    fn next_blob(&self, after: Option<&Address>) -> Result<Option<Address>, BackendError>;

    /// Waits until there are more records than `seen`, at most for `timeout`; returns the head.
    ///
    /// # Errors
    /// [`BackendError`] if the head cannot be found out.
    fn watch(&self, seen: u64, timeout: Duration) -> Result<u64, BackendError>;
}
