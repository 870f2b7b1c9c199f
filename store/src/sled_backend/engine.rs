//! The database of one log.

use super::acknowledged::Acknowledged;
use super::changes::Changes;
use super::directory::Directory;
use super::disk;
use super::eviction::Eviction;
use super::guard::{guarded, reading};
use super::layout::{self, Assembly};
use crate::backend::{Address, Batch};
use crate::backend_error::{BackendError, Damage};
use ::sled::{Db, Tree};
use contrast_migrations::MigrationError;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

pub(super) struct Engine {
    /// `None` only while dropping.
    db: Option<Db>,
    path: PathBuf,
    /// Sled's file once more, for the sync that sled does not do.
    file: File,
    acknowledged: Acknowledged,
}

impl Engine {
    /// Opens an existing database, brings it to the present layout, and counts its records.
    pub(super) fn open(directory: &Directory) -> Result<(Self, u64), BackendError> {
        let path = directory.log();
        disk::check_settings(&path.join("conf"))?;
        disk::keep_snapshots(&path)?;
        let db = disk::start(&path)?;
        let acknowledged_path = directory.acknowledged();
        let known = Acknowledged::count(&acknowledged_path).unwrap_or(0);
        let acknowledged = Acknowledged::open(&acknowledged_path)
            .map_err(|error| BackendError::opening(acknowledged_path, error))?;
        let file =
            File::open(path.join("db")).map_err(|error| BackendError::opening(path.join("db"), error))?;
        let engine = Self { db: Some(db), path, file, acknowledged };

        engine.migrate()?;
        disk::sync_names(&engine.path)?;
        disk::forget_kept_snapshots(&engine.path)?;
        let found = engine.count()?;
        if found < known {
            return Err(Damage::Shorter { acknowledged: known, found }.into());
        }
        engine.acknowledge(found);
        Ok((engine, found))
    }

    /// Makes a database with a first batch in it, durably, and gives it its name at the very end.
    pub(super) fn create(directory: &Directory, batch: &Batch) -> Result<(), BackendError> {
        let path = directory.unfinished();
        fs::create_dir(&path).map_err(|error| BackendError::opening(&path, error))?;
        let changes = Changes::of(batch)?;
        {
            let db = disk::make(&path)?;
            let file =
                File::open(path.join("db")).map_err(|error| BackendError::opening(path.join("db"), error))?;
            disk::require_space(&file, batch.bytes())?;
            let written = changes.write(&db, &file, &path);
            disk::close(db);
            written?;
        }
        disk::sync_names(&path)?;
        directory.finish()
    }

    /// Appends, durably. The caller has checked the position.
    pub(super) fn append(&self, batch: &Batch) -> Result<(), BackendError> {
        let changes = Changes::of(batch)?;
        disk::require_space(&self.file, batch.bytes())?;
        let db = self.db.as_ref().ok_or(Damage::NoHeader)?;
        changes.write(db, &self.file, &self.path)
    }

    /// Notes the number of durable records; losing the note does no harm.
    pub(super) fn acknowledge(&self, head: u64) {
        if let Err(error) = self.acknowledged.write(head) {
            tracing::warn!(%error, "the number of acknowledged events could not be noted");
        }
    }

    /// Notes the number of the first durable records, so that from now on a missing log is known to be missing.
    pub(super) fn acknowledge_durably(&self, directory: &Directory, head: u64) -> Result<(), BackendError> {
        let failed = |error: io::Error| BackendError::Write(error.into());
        self.acknowledged.write(head).map_err(failed)?;
        self.acknowledged.sync().map_err(failed)?;
        directory.sync()
    }

    pub(super) fn header(&self) -> Result<Vec<u8>, BackendError> {
        self.value(layout::HEADER)?.ok_or(Damage::NoHeader.into())
    }

    pub(super) fn blob(&self, address: &Address) -> Result<Option<Vec<u8>>, BackendError> {
        self.value(&layout::blob(address))
    }

    pub(super) fn has_blob(&self, address: &Address) -> Result<bool, BackendError> {
        let tree = self.tree()?;
        guarded(|| tree.contains_key(layout::chunk_key(&layout::blob(address), 0))).map_err(reading)
    }

    pub(super) fn next_blob(&self, after: Option<&Address>) -> Result<Option<Address>, BackendError> {
        let tree = self.tree()?;
        let start = after.map_or(layout::BLOBS.to_vec(), |address| {
            layout::chunk_key(&layout::chunk_key(&layout::blob(address), u16::MAX), u16::MAX)
        });
        let next = guarded(|| tree.range(start..).keys().next().transpose()).map_err(reading)?;
        match next {
            Some(key) if key.starts_with(layout::BLOBS) => {
                Ok(Some(layout::blob_address(&key).ok_or(Damage::Form)?))
            }
            _ => Ok(None),
        }
    }

    /// Records from `from`; see [`crate::Backend::read`].
    pub(super) fn read(&self, from: u64, head: u64, budget: usize) -> Result<Vec<Vec<u8>>, BackendError> {
        let tree = self.tree()?;
        let (mut records, mut bytes, mut assembly) = (Vec::new(), 0, Assembly::default());
        let (mut expected, mut reading_on) = (from, Eviction::default());
        let mut chunks = tree.range(layout::record(from)..layout::AFTER_RECORDS.to_vec());
        while expected < head && bytes < budget {
            let next = guarded(|| chunks.next().transpose()).map_err(reading);
            let whole = next.and_then(|pair| {
                let (key, value) = pair.ok_or(BackendError::Missing { position: expected })?;
                reading_on.after(tree, &key, value.len())?;
                let (position, number) = layout::record_position(&key).ok_or(Damage::Form)?;
                if position != expected || (number != 0 && !assembly.unfinished()) {
                    return Err(BackendError::Missing { position: expected });
                }
                Ok(assembly.push(number, &value)?)
            });
            match whole {
                Ok(None) => {}
                Ok(Some(record)) => {
                    bytes = bytes.saturating_add(record.len());
                    records.push(record);
                    expected += 1;
                }
                // What is before the bad place is handed out first; the next call meets it again.
                Err(_) if !records.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }

    /// The value of a key that is not a record's.
    fn value(&self, owner: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let tree = self.tree()?;
        let (mut assembly, mut reading_on) = (Assembly::default(), Eviction::default());
        for number in 0..=u16::MAX {
            let key = layout::chunk_key(owner, number);
            match guarded(|| tree.get(&key)).map_err(reading)? {
                None if number == 0 => return Ok(None),
                None => break,
                Some(value) => {
                    reading_on.after(tree, &key, value.len())?;
                    if let Some(whole) = assembly.push(number, &value)? {
                        return Ok(Some(whole));
                    }
                }
            }
        }
        Err(Damage::Form.into())
    }

    /// Number of records: one more than the last position. What an interrupted append has left of long records,
    /// without their first chunks, is removed.
    fn count(&self) -> Result<u64, BackendError> {
        let db = self.db.as_ref().ok_or(Damage::NoHeader)?;
        loop {
            let records = layout::RECORDS.to_vec()..layout::AFTER_RECORDS.to_vec();
            let last = guarded(|| db.range(records).keys().next_back().transpose()).map_err(reading)?;
            let Some(key) = last else { return Ok(0) };
            let (position, _) = layout::record_position(&key).ok_or(Damage::Form)?;
            let record = layout::record(position);
            if guarded(|| db.contains_key(layout::chunk_key(&record, 0))).map_err(reading)? {
                return Ok(position.checked_add(1).ok_or(Damage::Form)?);
            }
            let mut rest = ::sled::Batch::default();
            for key in
                guarded(|| db.scan_prefix(&record).keys().collect::<Result<Vec<_>, _>>()).map_err(reading)?
            {
                rest.remove(key);
            }
            disk::write(db, &self.file, &self.path, rest)?;
        }
    }

    fn migrate(&self) -> Result<(), BackendError> {
        let db = self.db.as_ref().ok_or(Damage::NoHeader)?;
        let outcome = match guarded(|| Ok(contrast_migrations::run(db))).map_err(reading)? {
            Ok(outcome) => outcome,
            Err(MigrationError::Newer { found, newest }) => {
                return Err(BackendError::NewerLayout { found, newest });
            }
            Err(MigrationError::NoVersion) => return Err(Damage::NoHeader.into()),
            Err(other) => return Err(BackendError::Migration(other)),
        };
        if outcome.from != outcome.to {
            tracing::info!(
                from = outcome.from,
                to = outcome.to,
                "the store was brought to the present layout"
            );
            disk::make_durable(db, &self.file)?;
        }
        Ok(())
    }

    fn tree(&self) -> Result<&Tree, BackendError> {
        Ok(self.db.as_ref().ok_or(Damage::NoHeader)?)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(db) = self.db.take() {
            disk::close(db);
        }
    }
}
