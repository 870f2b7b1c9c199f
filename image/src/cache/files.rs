//! The directory of a cache.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::MAX_ENTRY;
use crate::digest::Digest;

/// Entries by key.
pub(super) struct Files {
    folder: PathBuf,
    limit: u64,
    /// Bytes that this run wrote since it last looked at the whole directory; nothing if it never did.
    written: Mutex<Option<u64>>,
    warned: std::sync::Once,
}

/// Ends the name of a file that is being written.
const ASIDE: &str = "new";
/// Nobody writes an entry for so long: what is older was left by a run that was killed.
const ABANDONED: Duration = Duration::from_secs(60 * 60);
/// The directory is looked at again when this part of the limit was written.
const PART: u64 = 16;
const DIGEST: usize = 64;

impl Files {
    pub(super) fn new(folder: &Path, limit: u64) -> Self {
        Self { folder: folder.to_owned(), limit, written: Mutex::default(), warned: std::sync::Once::new() }
    }

    /// The entry, and a note that it was used. Whatever is damaged is as good as not there.
    pub(super) fn get(&self, key: Digest) -> Option<Vec<u8>> {
        let file = File::open(self.path(key)).ok()?;
        let mut bytes = Vec::new();
        (&file).take(MAX_ENTRY + 1).read_to_end(&mut bytes).ok()?;
        let (digest, content) = bytes.split_at_checked(DIGEST)?;
        if Digest::of(content).hex().as_bytes() != digest {
            return None;
        }
        let content = content.to_vec();
        // For the choice of what to remove. Who cannot write the directory cannot remove anything either.
        let _ = file.set_modified(SystemTime::now());
        Some(content)
    }

    /// Keeps an entry, and makes room. If that fails, a warning says so once.
    pub(super) fn put(&self, key: Digest, content: &[u8]) {
        if content.len() as u64 > MAX_ENTRY {
            return;
        }
        let done = self.write(key, content).and_then(|()| self.make_room(content.len() as u64));
        if let Err(error) = done {
            let folder = self.folder.display();
            self.warned
                .call_once(|| tracing::warn!(%error, %folder, "cannot keep what was found out about images"));
        }
    }

    fn path(&self, key: Digest) -> PathBuf {
        self.folder.join(key.hex())
    }

    fn write(&self, key: Digest, content: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // The time keeps apart runs that have the same number, in different containers.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = format!("{}-{now}-{}.{ASIDE}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let aside = self.folder.join(name);
        let written = || {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
            file.write_all(Digest::of(content).hex().as_bytes())?;
            file.write_all(content)?;
            // Without a sync: what a power cut leaves is seen by its digest, and found out anew.
            fs::rename(&aside, self.path(key))
        };
        written().inspect_err(|_| {
            // Best effort: what is left over is never read, and removed later.
            let _ = fs::remove_file(&aside);
        })
    }

    /// Removes what was not used for the longest time, if there is too much.
    fn make_room(&self, new: u64) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *written {
            Some(written) if *written + new <= self.limit / PART => {
                *written += new;
                return Ok(());
            }
            other => *other = Some(0),
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Removed by another run meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            let (used, path) = (metadata.modified()?, entry.path());
            if path.extension().is_none_or(|extension| extension != ASIDE) {
                entries.push((used, metadata.len(), path));
            } else if used.elapsed().is_ok_and(|age| age > ABANDONED) {
                remove(&path)?;
            }
        }
        let mut total: u64 = entries.iter().map(|(_, length, _)| length).sum();
        // What is written until the next look must find room, too.
        let most = self.limit - self.limit / PART;
        entries.sort();
        for (_, length, path) in entries {
            if total <= most {
                break;
            }
            remove(&path)?;
            total -= length;
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
