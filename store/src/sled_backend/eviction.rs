//! Keeping sled's cache small while much is read.

use super::guard::{guarded, reading};
use crate::backend_error::BackendError;
use ::sled::Tree;

/// Bytes read for each additional access. Sled has 256 queues of 64 accesses, so that about 256 * 64 times this many
/// bytes (24 MiB) are in memory before it looks at its cache capacity.
const BYTES_AN_ACCESS: usize = 1536;

/// Sled 0.34 throws pages out of its cache only when a queue of accesses has filled up. Who reads each page once
/// fills memory with pages (64 KiB each where values are long) long before that. So each page is accessed as often as
/// its length asks for.
#[derive(Default)]
pub(super) struct Eviction {
    owed: usize,
}

impl Eviction {
    /// Call after `bytes` were read at `key`.
    pub(super) fn after(&mut self, tree: &Tree, key: &[u8], bytes: usize) -> Result<(), BackendError> {
        self.owed = self.owed.saturating_add(bytes);
        while self.owed >= BYTES_AN_ACCESS {
            guarded(|| tree.contains_key(key)).map_err(reading)?;
            self.owed -= BYTES_AN_ACCESS;
        }
        Ok(())
    }
}
