//! Keeping sled's cache small while much is read or written.

use super::guard::{guarded, reading};
use crate::backend_error::BackendError;
use ::sled::Tree;

/// Bytes read for each additional access. Sled has 256 queues of 64 accesses, so that about 256 * 64 times this many
/// bytes (24 MiB) are in memory before it looks at its cache capacity.
const READ: usize = 1536;
/// Bytes written for each additional access: about 2 MiB are in memory. What has to be synced can afford it.
const WRITTEN: usize = 128;

/// Sled 0.34 throws pages out of its cache only when a queue of accesses has filled up. Who reads or writes each page
/// once fills memory with pages (64 KiB each where values are long) long before that. So each page is accessed as often
/// as its length asks for.
pub(super) struct Eviction {
    bytes_an_access: usize,
    owed: usize,
}

impl Eviction {
    /// For one who reads.
    pub(super) fn reading() -> Self {
        Self { bytes_an_access: READ, owed: 0 }
    }

    /// For one who writes.
    pub(super) fn writing() -> Self {
        Self { bytes_an_access: WRITTEN, owed: 0 }
    }

    /// Call after `bytes` were read or written at `key`.
    pub(super) fn after(&mut self, tree: &Tree, key: &[u8], bytes: usize) -> Result<(), BackendError> {
        self.owed = self.owed.saturating_add(bytes);
        while self.owed >= self.bytes_an_access {
            guarded(|| tree.contains_key(key)).map_err(reading)?;
            self.owed -= self.bytes_an_access;
        }
        Ok(())
    }
}
