//! The embedded engine: sled 0.34 with the durability rules that were measured (see `docs/store-format.md`).
//!
//! In the state directory:
//!
//! - `log/`: the database. It comes into being by one rename, complete with header and first records; so a `log/`
//!   without a header is damaged, never new.
//! - `log.new/`: a database that is being made. Removed when found.
//! - `acknowledged`: how many records were durable at least; a witness against a log that has become shorter.
//! - `lock`: held by the process that uses the directory.

mod acknowledged;
mod changes;
mod directory;
mod disk;
mod engine;
mod eviction;
mod guard;
mod judge;
mod layout;
mod names;

use crate::backend::{Address, Backend, Batch, RecordBatch};
use crate::backend_error::{BackendError, Damage};
use crate::poison::Poison;
use acknowledged::Acknowledged;
use directory::Directory;
pub(crate) use directory::SharedLock;
use engine::Engine;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// A log in a directory of the local file system.
pub struct SledBackend {
    /// There when the log exists. Before `directory`, so that the lock outlives the database.
    engine: RwLock<Option<Engine>>,
    head: Mutex<u64>,
    grown: Condvar,
    /// One writer at a time.
    writing: Mutex<()>,
    poison: Poison,
    directory: Directory,
}

impl SledBackend {
    /// Opens the log in `directory`, or prepares an empty one. Makes the directory if only it is missing.
    ///
    /// # Errors
    /// Read-only, not permitted, in use, holding something else, damaged, newer than this program: each its own.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, BackendError> {
        let directory = Directory::lock(directory.as_ref())?;
        directory.remove_unfinished()?;
        let backend = Self {
            engine: RwLock::default(),
            head: Mutex::new(0),
            grown: Condvar::new(),
            writing: Mutex::new(()),
            poison: Poison::default(),
            directory,
        };
        if backend.directory.has_log()? {
            backend.open_engine()?;
        } else if Acknowledged::count(&backend.directory.acknowledged()).is_some_and(|count| count > 0) {
            return Err(Damage::FileMissing(backend.directory.log()).into());
        }
        Ok(backend)
    }

    /// Opens the database and takes over its head.
    fn open_engine(&self) -> Result<(), BackendError> {
        let (engine, head) = Engine::open(&self.directory)?;
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = Some(engine);
        self.publish(head);
        Ok(())
    }

    /// Asks the engine; `absent` is the answer where there is no log yet.
    fn ask<T>(
        &self,
        absent: T,
        question: impl FnOnce(&Engine) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        match self.engine.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(engine) => question(engine),
            // It could not be opened anew.
            None if self.poison.is_set() => Err(BackendError::Poisoned),
            None => Ok(absent),
        }
    }

    /// Makes the database with the first batch in it.
    fn create(&self, batch: &Batch) -> Result<(), BackendError> {
        // A header comes with the first batch, and only with it.
        if batch.at != 0 || batch.header.is_none() {
            return Err(BackendError::PositionTaken { at: batch.at, head: self.present_head() });
        }
        if self.directory.has_log()? {
            // A failed earlier attempt got as far as the rename: its records count.
            self.open_engine()?;
            return Err(BackendError::PositionTaken { at: batch.at, head: self.present_head() });
        }
        self.directory.remove_unfinished()?;
        Engine::create(&self.directory, batch)?;
        self.open_engine()?;
        self.ask((), |engine| engine.acknowledge_durably(&self.directory, self.present_head()))
    }

    fn publish(&self, head: u64) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
        self.grown.notify_all();
    }

    fn present_head(&self) -> u64 {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for SledBackend {
    fn layout_version(&self) -> u32 {
        contrast_migrations::CURRENT
    }

    fn header(&self) -> Result<Option<Vec<u8>>, BackendError> {
        self.ask(None, |engine| engine.header().map(Some))
    }

    fn head(&self) -> Result<u64, BackendError> {
        Ok(self.present_head())
    }

    fn append(&self, batch: &Batch) -> Result<(), BackendError> {
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.ask(false, |_| Ok(true))? {
            // A failed beginning leaves no doubt: another attempt starts afresh, or finds a whole log.
            return self.create(batch);
        }
        self.poison.guard(|| {
            let head = self.present_head();
            if batch.at != head || batch.header.is_some() {
                return Err(BackendError::PositionTaken { at: batch.at, head });
            }
            let head = head.saturating_add(batch.records.len() as u64);
            self.ask((), |engine| {
                engine.append(batch)?;
                engine.acknowledge(head);
                Ok(())
            })?;
            self.publish(head);
            Ok(())
        })
    }

    fn reopen(&self) -> Result<(), BackendError> {
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Sled lets a database be opened once. Without one, nobody may take the log for an empty one.
        let _ = self.poison.guard(|| Err(BackendError::Poisoned));
        drop(self.engine.write().unwrap_or_else(PoisonError::into_inner).take());
        self.open_engine()?;
        self.poison.clear();
        Ok(())
    }

    fn read(&self, from: u64, budget: usize) -> Result<RecordBatch, BackendError> {
        self.ask(RecordBatch::default(), |engine| engine.read(from, self.present_head(), budget))
    }

    fn blob(&self, address: &Address) -> Result<Option<Vec<u8>>, BackendError> {
        self.ask(None, |engine| engine.blob(address))
    }

    fn has_blob(&self, address: &Address) -> Result<bool, BackendError> {
        self.ask(false, |engine| engine.has_blob(address))
    }

    fn next_blob(&self, after: Option<&Address>) -> Result<Option<Address>, BackendError> {
        self.ask(None, |engine| engine.next_blob(after))
    }

    fn watch(&self, seen: u64, timeout: Duration) -> Result<u64, BackendError> {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let (head, _) = self
            .grown
            .wait_timeout_while(head, timeout, |head| *head <= seen)
            .unwrap_or_else(PoisonError::into_inner);
        Ok(*head)
    }
}
