//! A batch in the form of the layout, and the order in which it is written.

use super::disk;
use super::eviction::Eviction;
use super::guard::guarded;
use super::layout;
use crate::backend::Batch;
use crate::backend_error::BackendError;
use ::sled::Db;
use std::borrow::Cow;
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
pub(super) struct Changes<'a> {
    version: bool,
    /// Owners of chunks, each with what is to be cut into chunks.
    values: Vec<(Vec<u8>, Cow<'a, [u8]>)>,
}

impl<'a> Changes<'a> {
    pub(super) fn of(batch: &'a Batch) -> Result<Self, BackendError> {
        let mut changes = Self { version: batch.header.is_some(), values: Vec::new() };
        if let Some(header) = &batch.header {
            changes.put(layout::HEADER.to_vec(), header.into())?;
        }
        // In the order of their keys, page by page: none has to be read again.
        let mut blobs: Vec<_> = batch.blobs.iter().collect();
        blobs.sort_unstable();
        for (address, blob) in blobs {
            changes.put(layout::blob(address), blob.into())?;
        }
        if !batch.records.is_empty() {
            changes.put(layout::record(batch.at), layout::pack(&batch.records)?.into())?;
        }
        Ok(changes)
    }

    fn put(&mut self, owner: Vec<u8>, bytes: Cow<'a, [u8]>) -> Result<(), BackendError> {
        layout::check_length(&bytes)?;
        self.values.push((owner, bytes));
        Ok(())
    }

    /// Writes everything; durable on return.
    ///
    /// Of each value, the first chunk goes last: without it the others do not count. The very last one is the first
    /// chunk of the records, and makes the whole batch count.
    pub(super) fn write(self, db: &Db, file: &File, path: &Path) -> Result<(), BackendError> {
        if self.version {
            let version = contrast_migrations::CURRENT.to_le_bytes();
            guarded(|| db.insert(contrast_migrations::VERSION_KEY, &version)).map_err(BackendError::Write)?;
        }
        let (mut unsynced, mut writing_on) = (0usize, Eviction::writing());
        for (owner, bytes) in self.values {
            for (key, value) in layout::cut(&owner, &bytes)?.into_iter().rev() {
                let length = value.len();
                guarded(|| db.insert(&key, value)).map_err(BackendError::Write)?;
                writing_on.after(db, &key, length)?;
                unsynced = unsynced.saturating_add(length);
                if unsynced >= PIECE_BYTES {
                    disk::make_durable(db, file, path)?;
                    unsynced = 0;
                }
            }
        }
        disk::make_durable(db, file, path)
    }
}
