//! A store as a migration step sees it.

use std::collections::BTreeMap;

/// The store with the changes of this and earlier steps on top. Nothing is written before all steps are done.
#[derive(Debug)]
pub struct Changes<'a> {
    tree: &'a sled::Tree,
    pending: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Changes<'a> {
    /// No changes yet.
    pub(crate) fn new(tree: &'a sled::Tree) -> Self {
        Self { tree, pending: BTreeMap::new() }
    }

    /// The value of a key, if any.
    ///
    /// # Errors
    /// If the engine cannot read it.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, sled::Error> {
        match self.pending.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.tree.get(key)?.map(|value| value.to_vec())),
        }
    }

    /// All keys with a prefix, ascending.
    ///
    /// # Errors
    /// If the engine cannot read them.
    pub fn keys(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, sled::Error> {
        let mut keys = BTreeMap::new();
        for key in self.tree.scan_prefix(prefix).keys() {
            keys.insert(key?.to_vec(), true);
        }
        for (key, value) in
            self.pending.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix))
        {
            keys.insert(key.clone(), value.is_some());
        }
        Ok(keys.into_iter().filter_map(|(key, there)| there.then_some(key)).collect())
    }

    /// Sets a value.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.pending.insert(key.into(), Some(value.into()));
    }

    /// Removes a key; nothing happens if it is not there.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.pending.insert(key.into(), None);
    }

    /// All changes as one batch.
    pub(crate) fn into_batch(self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (key, value) in self.pending {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch
    }
}
