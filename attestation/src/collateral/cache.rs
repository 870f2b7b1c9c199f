//! What was fetched before, in memory and in a directory.
//!
//! A file per item, named after the SHA-256 of its URL, written aside and moved into place, so that a reader
//! sees all of it or nothing. What is read is checked like an answer from the network.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use super::{Address, Item, item::Kept};

/// Items in memory. Beyond that, the oldest entries of the directory still serve.
const CAPACITY: usize = 1024;

/// Kept items by address.
pub(super) struct Cache {
    memory: Mutex<HashMap<Address, Arc<Item>>>,
    dir: Option<PathBuf>,
}

impl Cache {
    /// Keeps items in `dir` as well, if there is one.
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self { memory: Mutex::default(), dir }
    }

    /// The kept item. One that came from the directory is not verified yet.
    pub(super) async fn get(&self, address: &Address) -> Option<Arc<Item>> {
        if let Some(item) = self.lock().get(address) {
            return Some(Arc::clone(item));
        }
        let path = self.path(address)?;
        let limit = file_limit(address);
        let read = tokio::task::spawn_blocking(move || (read(&path, limit), path));
        let (bytes, path) = read.await.ok()?;
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "cannot read kept collateral");
                return None;
            }
        };
        let item = serde_json::from_slice::<Kept>(&bytes).ok().and_then(|kept| Item::try_from(kept).ok());
        match item.filter(|item| item.address == *address) {
            Some(item) => Some(Arc::new(item)),
            None => {
                tracing::warn!(path = %path.display(), "ignoring kept collateral that is damaged");
                None
            }
        }
    }

    /// Keeps an item that was verified. If the directory cannot be written, only in memory.
    pub(super) async fn put(&self, item: Arc<Item>) {
        let address = item.address.clone();
        self.remember(Arc::clone(&item));
        let (Some(dir), Some(path)) = (self.dir.clone(), self.path(&address)) else { return };
        let written = tokio::task::spawn_blocking(move || write(&dir, &path, &item)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, %address, "cannot keep collateral on disk");
        }
    }

    /// Keeps an item in memory only.
    pub(super) fn remember(&self, item: Arc<Item>) {
        let mut memory = self.lock();
        if memory.len() >= CAPACITY {
            memory.clear();
        }
        memory.insert(item.address.clone(), item);
    }

    fn path(&self, address: &Address) -> Option<PathBuf> {
        let name = format!("{}.json", hex::encode(Sha256::digest(address.url())));
        self.dir.as_ref().map(|dir| dir.join(name))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Address, Arc<Item>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More than base64 and the other members of the JSON object need.
fn file_limit(address: &Address) -> u64 {
    u64::try_from(address.max_length()).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(1 << 20)
}

fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(dir: &Path, path: &Path, item: &Item) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut name = [0; 8];
    getrandom::fill(&mut name).map_err(io::Error::other)?;
    let aside = dir.join(format!("{}.new", hex::encode(name)));
    let written = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(&serde_json::to_vec(&Kept::from(item))?)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    written().inspect_err(|_| {
        // Best effort: what is left over is never read.
        let _ = fs::remove_file(&aside);
    })
}
