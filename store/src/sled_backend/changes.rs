//! A batch in the form of the layout, and the order in which it is written.

use super::disk;
use super::guard::guarded;
use super::layout::{self, Pairs};
use crate::backend::Batch;
use crate::backend_error::BackendError;
use ::sled::Db;
use std::fs::File;
use std::path::Path;

/// Most bytes between two syncs, as far as that is up to us.
///
/// Sled moves pages and uses the room of the old ones again, about one segment (512 KiB) later. It takes what it has
/// moved for durable, which it is only after a sync. So not much may be written without one.
const PIECE_BYTES: usize = 128 << 10;

/// What a batch writes, in this order.
///
/// Sled finds again what was written up to some point, never something later without what is before it. So no
/// batches of sled's are needed, each of which would cost one more write to the disk.
pub(super) struct Changes(Pairs);

impl Changes {
    pub(super) fn of(batch: &Batch) -> Result<Self, BackendError> {
        let mut changes = Self(Vec::new());
        if let Some(header) = &batch.header {
            let version = contrast_migrations::CURRENT.to_le_bytes().to_vec();
            changes.0.push((contrast_migrations::VERSION_KEY.to_vec(), version));
            changes.put(layout::HEADER, header)?;
        }
        for (address, blob) in &batch.blobs {
            changes.put(&layout::blob(address), blob)?;
        }
        if !batch.records.is_empty() {
            changes.put(&layout::record(batch.at), &layout::pack(&batch.records)?)?;
        }
        Ok(changes)
    }

    /// The first chunk goes last: without it the others do not count. The very last one is the first chunk of the
    /// records, and makes the whole batch count.
    fn put(&mut self, owner: &[u8], bytes: &[u8]) -> Result<(), BackendError> {
        self.0.extend(layout::cut(owner, bytes)?.into_iter().rev());
        Ok(())
    }

    /// Writes everything; durable on return.
    pub(super) fn write(self, db: &Db, file: &File, path: &Path) -> Result<(), BackendError> {
        let mut unsynced = 0usize;
        for (key, value) in self.0 {
            unsynced = unsynced.saturating_add(value.len());
            guarded(|| db.insert(key, value)).map_err(BackendError::Write)?;
            if unsynced >= PIECE_BYTES {
                disk::make_durable(db, file, path)?;
                unsynced = 0;
            }
        }
        disk::make_durable(db, file, path)
    }
}
