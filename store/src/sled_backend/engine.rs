//! The database of one log.

use super::acknowledged::Acknowledged;
use super::changes::Changes;
use super::directory::Directory;
use super::disk::{self, Database};
use super::eviction::Eviction;
use super::guard::{guarded, reading};
use super::layout::{self, Assembly};
use super::names;
use crate::backend::{Address, Batch, RecordBatch};
use crate::backend_error::{BackendError, Damage};
use ::sled::Tree;
use contrast_migrations::MigrationError;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::PathBuf;

pub(super) struct Engine {
    db: Database,
    path: PathBuf,
    /// Sled's file once more, for the sync that sled does not do.
    file: File,
    acknowledged: Acknowledged,
}

impl Engine {
    /// Opens an existing database, brings it to the present layout, and counts its records.
    pub(super) fn open(directory: &Directory) -> Result<(Self, u64), BackendError> {
        let path = directory.log();
        disk::check_names(&path)?;
        disk::check_settings(&path.join("conf"))?;
        disk::keep_snapshots(&path)?;
        let db = disk::start(&path)?;
        let acknowledged_path = directory.acknowledged();
        let known = Acknowledged::count(&acknowledged_path).unwrap_or(0);
        let acknowledged = Acknowledged::open(&acknowledged_path)?;
        let file = names::open_file(&path.join("db"))?;
        let engine = Self { db, path, file, acknowledged };

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
            let file = names::open_file(&path.join("db"))?;
            disk::require_space(&file, batch.bytes())?;
            changes.write(db.get()?, &file, &path)?;
        }
        disk::sync_names(&path)?;
        directory.finish()
    }

    /// Appends, durably. The caller has checked the position.
    pub(super) fn append(&self, batch: &Batch) -> Result<(), BackendError> {
        let changes = Changes::of(batch)?;
        disk::require_space(&self.file, batch.bytes())?;
        changes.write(self.db.get()?, &self.file, &self.path)
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
    pub(super) fn read(&self, from: u64, head: u64, budget: usize) -> Result<RecordBatch, BackendError> {
        let mut batch = RecordBatch::default();
        if from >= head {
            return Ok(batch);
        }
        let tree = self.tree()?;
        let mut next = self.append_with(from)?;
        let mut chunks = tree.range(layout::record(next)..layout::AFTER_RECORDS.to_vec());
        let (mut packed, mut reading_on) = (Vec::with_capacity(budget), Eviction::reading());
        while next < head && packed.len() < budget {
            let start = packed.len();
            let mut assembly = Assembly::default();
            let mut read_append = || -> Result<Vec<Range<usize>>, BackendError> {
                loop {
                    let pair = guarded(|| chunks.next().transpose()).map_err(reading)?;
                    let (key, value) = pair.ok_or(BackendError::Missing { position: next.max(from) })?;
                    reading_on.after(tree, &key, value.len())?;
                    let (position, number) = layout::record_position(&key).ok_or(Damage::Form)?;
                    if position != next {
                        return Err(BackendError::Missing { position: next.max(from) });
                    }
                    if assembly.push(number, &value, &mut packed)? {
                        return Ok(layout::unpack(packed.get(start..).unwrap_or_default())?);
                    }
                }
            };
            match read_append() {
                Ok(spans) => {
                    for span in spans {
                        if next >= from {
                            batch.spans.push(start + span.start..start + span.end);
                        }
                        next = next.saturating_add(1);
                    }
                }
                // What is before the bad place is handed out first; the next call meets it again.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        batch.bytes = packed;
        Ok(batch)
    }

    /// The position of the first record that was appended together with the one at `position`.
    fn append_with(&self, position: u64) -> Result<u64, BackendError> {
        let tree = self.tree()?;
        let keys = layout::RECORDS.to_vec()..=layout::chunk_key(&layout::record(position), 0);
        let last = guarded(|| tree.range(keys).keys().next_back().transpose()).map_err(reading)?;
        let key = last.ok_or(BackendError::Missing { position })?;
        Ok(layout::record_position(&key).ok_or(Damage::Form)?.0)
    }

    /// The value of a key that is not a record's.
    fn value(&self, owner: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let tree = self.tree()?;
        let (mut assembly, mut reading_on) = (Assembly::default(), Eviction::reading());
        let mut whole = Vec::new();
        for number in 0..=u16::MAX {
            let key = layout::chunk_key(owner, number);
            match guarded(|| tree.get(&key)).map_err(reading)? {
                None if number == 0 => return Ok(None),
                None => break,
                Some(value) => {
                    reading_on.after(tree, &key, value.len())?;
                    if assembly.push(number, &value, &mut whole)? {
                        return Ok(Some(whole));
                    }
                }
            }
        }
        Err(Damage::Form.into())
    }

    /// Number of records: where the last append ends. What an interrupted append has left of long records, without
    /// their first chunk, is removed.
    fn count(&self) -> Result<u64, BackendError> {
        let db = self.db.get()?;
        loop {
            let records = layout::RECORDS.to_vec()..layout::AFTER_RECORDS.to_vec();
            let last = guarded(|| db.range(records).keys().next_back().transpose()).map_err(reading)?;
            let Some(key) = last else { return Ok(0) };
            let (position, _) = layout::record_position(&key).ok_or(Damage::Form)?;
            let append = layout::record(position);
            if let Some(first) = guarded(|| db.get(layout::chunk_key(&append, 0))).map_err(reading)? {
                let number = u64::from(layout::packed_records(&first)?);
                return Ok(position.checked_add(number).ok_or(Damage::Form)?);
            }
            for key in
                guarded(|| db.scan_prefix(&append).keys().collect::<Result<Vec<_>, _>>()).map_err(reading)?
            {
                guarded(|| db.remove(key)).map_err(BackendError::Write)?;
            }
            disk::make_durable(db, &self.file, &self.path)?;
        }
    }

    fn migrate(&self) -> Result<(), BackendError> {
        let db = self.db.get()?;
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
            disk::make_durable(db, &self.file, &self.path)?;
        }
        Ok(())
    }

    fn tree(&self) -> Result<&Tree, BackendError> {
        Ok(self.db.get()?)
    }
}
