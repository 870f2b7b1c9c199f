//! A batch in the form of the layout, and the order in which it is written.

use super::disk;
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

/// What a batch writes.
pub(super) struct Changes {
    /// Later chunks of long values. They mean nothing without the first one.
    ahead: Pairs,
    /// First chunks: all of them at once, so that the batch is found as a whole or not at all.
    commit: Pairs,
}

impl Changes {
    pub(super) fn of(batch: &Batch) -> Result<Self, BackendError> {
        let mut changes = Self { ahead: Vec::new(), commit: Vec::new() };
        if let Some(header) = &batch.header {
            changes.put(layout::HEADER, header)?;
            changes.commit.push((
                contrast_migrations::VERSION_KEY.to_vec(),
                contrast_migrations::CURRENT.to_le_bytes().to_vec(),
            ));
        }
        for (position, record) in (batch.at..).zip(&batch.records) {
            changes.put(&layout::record(position), record)?;
        }
        for (address, blob) in &batch.blobs {
            changes.put(&layout::blob(address), blob)?;
        }
        Ok(changes)
    }

    fn put(&mut self, owner: &[u8], bytes: &[u8]) -> Result<(), BackendError> {
        let mut pairs = layout::cut(owner, bytes)?;
        self.ahead.extend(pairs.drain(1..));
        self.commit.append(&mut pairs);
        Ok(())
    }

    /// Writes everything; durable on return.
    pub(super) fn write(mut self, db: &Db, file: &File, path: &Path) -> Result<(), BackendError> {
        let bytes = |pairs: &Pairs| pairs.iter().map(|(_, value)| value.len()).sum::<usize>();
        if bytes(&self.ahead).saturating_add(bytes(&self.commit)) <= PIECE_BYTES {
            self.commit.append(&mut self.ahead);
        }
        let (mut piece, mut length) = (::sled::Batch::default(), 0usize);
        for (key, value) in self.ahead {
            length = length.saturating_add(value.len());
            piece.insert(key, value);
            if length >= PIECE_BYTES {
                disk::write(db, file, path, std::mem::take(&mut piece))?;
                length = 0;
            }
        }
        if length > 0 {
            disk::write(db, file, path, piece)?;
        }
        let mut commit = ::sled::Batch::default();
        self.commit.into_iter().for_each(|(key, value)| commit.insert(key, value));
        disk::write(db, file, path, commit)
    }
}
