//! What is appended in one step.

use crate::backend::{Address, Backend, Batch};
use crate::chain::{self, Digest};
use crate::error::StoreError;
use crate::header::Header;
use crate::keys::Keys;
use crate::record::{blob_binding, record_binding, seal};
use std::collections::BTreeSet;

/// Events and the blobs that they refer to by SHA-256; all become durable together, or nothing does.
#[derive(Debug, Clone, Default)]
pub struct Append<'a> {
    /// Events, in order.
    pub events: Vec<Vec<u8>>,
    /// Blobs. One that is stored already is not stored again.
    pub blobs: Vec<&'a [u8]>,
}

impl Append<'_> {
    /// One event without blobs.
    #[must_use]
    pub fn event(event: Vec<u8>) -> Self {
        Self { events: vec![event], blobs: Vec::new() }
    }

    /// Seals everything for position `at` after `previous`; returns the digests after each event too.
    pub(super) fn seal(
        &self,
        backend: &dyn Backend,
        keys: &Keys,
        header: &Header,
        at: u64,
        previous: Digest,
    ) -> Result<(Batch, Vec<Digest>), StoreError> {
        let mut batch = Batch { at, ..Batch::default() };
        let mut digests = Vec::with_capacity(self.events.len());
        let mut digest = previous;
        for (position, event) in (at..).zip(&self.events) {
            let sealed = seal(&keys.records, &record_binding(header, position, &digest), event)?;
            digest = chain::after(&digest, &sealed);
            digests.push(digest);
            batch.records.push(sealed);
        }
        let mut named = BTreeSet::<Address>::new();
        for blob in &self.blobs {
            let address = keys.blob_address(&chain::of_blob(blob));
            if named.insert(address) && !backend.has_blob(&address)? {
                batch.blobs.push((address, seal(&keys.blobs, &blob_binding(header, &address), blob)?));
            }
        }
        Ok((batch, digests))
    }
}
