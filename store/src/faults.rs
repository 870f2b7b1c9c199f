//! An engine in memory that fails or forgets when it is told to. For tests.
//!
//! A [`Medium`] is the disk: it outlives the engines that are opened on it, can be edited like a host would, and
//! counts operations, so that a test can go through every one of them.
//!
//! ```
//! use contrast_store::faults::{Fault, Medium};
//! use contrast_store::{Append, Opened};
//!
//! let medium = Medium::new();
//! let Ok(Opened::Empty(empty)) = contrast_store::open(medium.open()) else { unreachable!() };
//! medium.inject(medium.operations(), Fault::Fail);
//! let (_still_empty, error) =
//!     empty.initialize(&[7; 64], [0; 32], vec![], Append::event(vec![1])).unwrap_err();
//! assert!(error.to_string().contains("injected fault"));
//! ```

use crate::backend::{Address, Backend, Batch, RecordBatch};
use crate::backend_error::{BackendError, EngineFailure};
use crate::poison::Poison;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing was written.
    Fail,
    /// It fails, but what was to be written is there.
    FailAfterwards,
    /// It succeeds and can be read back, but is gone when the medium is opened again.
    Forget,
    /// There is no room; nothing was written. For reads as [`Fault::Fail`].
    DiskFull,
}

/// What is on a medium.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// The header.
    pub header: Option<Vec<u8>>,
    /// Sealed records by position.
    pub records: BTreeMap<u64, Vec<u8>>,
    /// Sealed blobs.
    pub blobs: BTreeMap<Address, Vec<u8>>,
}

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Medium(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    content: Content,
    operations: u64,
    faults: BTreeMap<u64, Fault>,
    next_append: Option<Fault>,
}

impl Medium {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an engine on it.
    #[must_use]
    pub fn open(&self) -> MemoryBackend {
        let content = self.disk().content.clone();
        MemoryBackend {
            medium: self.clone(),
            content: Mutex::new(content),
            grown: Condvar::new(),
            poison: Poison::default(),
        }
    }

    /// Lets the `operation`-th operation go wrong, counted from 0 over the life of the medium; see
    /// [`Medium::operations`]. Every call of [`Backend`] counts, except `watch` and `layout_version`.
    pub fn inject(&self, operation: u64, fault: Fault) {
        self.disk().faults.insert(operation, fault);
    }

    /// Lets the next append go wrong, whichever operation that is.
    pub fn fail_next_append(&self, fault: Fault) {
        self.disk().next_append = Some(fault);
    }

    /// How many operations there were so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// A copy of what is on it.
    #[must_use]
    pub fn content(&self) -> Content {
        self.disk().content.clone()
    }

    /// Changes what is on it. Engines that are open do not notice.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        change(&mut self.disk().content)
    }

    /// Counts an operation; its fault, if any.
    fn next_operation(&self) -> Option<Fault> {
        let mut disk = self.disk();
        let operation = disk.operations;
        disk.operations += 1;
        disk.faults.get(&operation).copied()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An engine on a [`Medium`].
#[derive(Debug)]
pub struct MemoryBackend {
    medium: Medium,
    /// What this engine believes to be on the medium.
    content: Mutex<Content>,
    grown: Condvar,
    poison: Poison,
}

impl MemoryBackend {
    fn reading(&self) -> Result<MutexGuard<'_, Content>, BackendError> {
        match self.medium.next_operation() {
            None | Some(Fault::Forget) => Ok(self.believed()),
            Some(_) => Err(BackendError::Read(EngineFailure::Injected)),
        }
    }

    fn write(&self, batch: &Batch) -> Result<(), BackendError> {
        let fault = self.medium.next_operation();
        let fault = self.medium.disk().next_append.take().or(fault);
        let mut content = self.believed();
        let head = head(&content);
        if batch.at != head || batch.header.is_some() != content.header.is_none() {
            return Err(BackendError::PositionTaken { at: batch.at, head });
        }
        match fault {
            Some(Fault::Fail) => return Err(BackendError::Write(EngineFailure::Injected)),
            Some(Fault::DiskFull) => return Err(BackendError::DiskFull),
            Some(Fault::Forget) => {}
            None | Some(Fault::FailAfterwards) => self.medium.edit(|durable| write(durable, batch)),
        }
        write(&mut content, batch);
        self.grown.notify_all();
        match fault {
            Some(Fault::FailAfterwards) => Err(BackendError::Write(EngineFailure::Injected)),
            _ => Ok(()),
        }
    }

    fn believed(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for MemoryBackend {
    fn layout_version(&self) -> u32 {
        contrast_migrations::CURRENT
    }

    fn header(&self) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.reading()?.header.clone())
    }

    fn head(&self) -> Result<u64, BackendError> {
        Ok(head(&*self.reading()?))
    }

    fn append(&self, batch: &Batch) -> Result<(), BackendError> {
        let begun = self.believed().header.is_some();
        if begun { self.poison.guard(|| self.write(batch)) } else { self.write(batch) }
    }

    fn reopen(&self) -> Result<(), BackendError> {
        drop(self.reading()?);
        *self.believed() = self.medium.content();
        self.poison.clear();
        Ok(())
    }

    fn read(&self, from: u64, budget: usize) -> Result<RecordBatch, BackendError> {
        let content = self.reading()?;
        let mut records = RecordBatch::default();
        for position in from..head(&content) {
            match content.records.get(&position) {
                Some(record) => records.push(record),
                None if records.is_empty() => return Err(BackendError::Missing { position }),
                None => break,
            }
            if records.bytes.len() >= budget {
                break;
            }
        }
        Ok(records)
    }

    fn blob(&self, address: &Address) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.reading()?.blobs.get(address).cloned())
    }

    fn has_blob(&self, address: &Address) -> Result<bool, BackendError> {
        Ok(self.reading()?.blobs.contains_key(address))
    }

    fn next_blob(&self, after: Option<&Address>) -> Result<Option<Address>, BackendError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let content = self.reading()?;
        Ok(content.blobs.range::<Address, _>((start, Bound::Unbounded)).next().map(|(address, _)| *address))
    }

    fn watch(&self, seen: u64, timeout: Duration) -> Result<u64, BackendError> {
        let waited = self.grown.wait_timeout_while(self.believed(), timeout, |content| head(content) <= seen);
        let (content, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Ok(head(&content))
    }
}

fn head(content: &Content) -> u64 {
    content.records.last_key_value().map_or(0, |(position, _)| position.saturating_add(1))
}

fn write(content: &mut Content, batch: &Batch) {
    if let Some(header) = &batch.header {
        content.header = Some(header.clone());
    }
    content.records.extend((batch.at..).zip(batch.records.iter().cloned()));
    content.blobs.extend(batch.blobs.iter().cloned());
}
