//! Starting, writing and stopping sled so that what was acknowledged survives a power cut.

use super::directory;
use super::guard::guarded;
use crate::backend_error::{BackendError, Damage, EngineFailure};
use ::sled::Db;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Sled's cache. Small: the log is read in order, and an idle Coordinator has little memory.
const CACHE_BYTES: u64 = 2 << 20;

/// What sled 0.34 writes into `conf`: its settings and their CRC-32.
const SETTINGS: &[u8] = b"segment_size: 524288\nuse_compression: false\nversion: 0.34\n\x76\x19\x51\xc1";

const SNAPSHOT: &str = "snap.";
const KEPT: &str = "kept.";

/// How long a database of this very process may take to close.
const CLOSING: Duration = Duration::from_secs(10);

/// A database. Sled flushes when it is dropped, and panics where it cannot; wherever that happens, it is caught.
pub(super) struct Database(
    /// `None` only while dropping.
    Option<Db>,
);

impl Database {
    pub(super) fn get(&self) -> Result<&Db, BackendError> {
        Ok(self.0.as_ref().ok_or(Damage::NoHeader)?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let db = self.0.take();
        if let Err(failure) = guarded(|| {
            drop(db);
            Ok(())
        }) {
            tracing::warn!(%failure, "the storage engine did not close in order");
        }
    }
}

/// Makes a database.
pub(super) fn make(path: &Path) -> Result<Database, BackendError> {
    guarded(|| config(path).open()).map(|db| Database(Some(db))).map_err(|failure| not_opened(path, failure))
}

/// Starts sled on an existing database.
pub(super) fn start(path: &Path) -> Result<Database, BackendError> {
    let file = path.join("db");
    let lock = File::open(&file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Damage::FileMissing(file.clone()).into(),
        _ => BackendError::opening(&file, error),
    })?;
    // A killed process may have left writes that only the page cache knows. Sled is about to write a synced
    // snapshot that builds on them.
    lock.sync_all().map_err(|error| BackendError::opening(&file, error))?;
    // Sled closes its file on a thread of its own, some time after the database was dropped.
    let patience = Instant::now();
    while lock.try_lock().is_err() {
        if patience.elapsed() > CLOSING {
            return Err(BackendError::InUse { path: path.to_owned() });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(lock);
    make(path)
}

fn not_opened(path: &Path, failure: EngineFailure) -> BackendError {
    match failure {
        EngineFailure::Io(source) => BackendError::opening(path, source),
        other => Damage::Engine(other).into(),
    }
}

/// Sled checks the CRC of its settings but goes on when it is wrong.
pub(super) fn check_settings(path: &Path) -> Result<(), BackendError> {
    match fs::read(path) {
        Ok(found) if found == SETTINGS => Ok(()),
        Ok(_) => Err(Damage::Settings(path.to_owned()).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Damage::FileMissing(path.to_owned()).into())
        }
        Err(error) => Err(BackendError::opening(path, error)),
    }
}

/// Prepares the snapshots for an opening that may be interrupted.
///
/// Sled writes a new snapshot under a temporary name that it would itself take for a snapshot after a crash, and
/// removes the old one before the name of the new one is durable. Without any it cannot always open. So the old one
/// is kept under a second name until [`forget_kept_snapshots`].
pub(super) fn keep_snapshots(path: &Path) -> Result<(), BackendError> {
    let opening = |error| BackendError::opening(path, error);
    let names = names(path)?;
    for half_written in names.iter().filter(|name| name.ends_with(".generating")) {
        fs::remove_file(path.join(half_written)).map_err(opening)?;
    }
    let with = |prefix: &str| -> Vec<String> {
        let whole = names.iter().filter(|name| !name.ends_with(".generating"));
        whole.filter_map(|name| name.strip_prefix(prefix).map(str::to_owned)).collect()
    };
    let (snapshots, kept) = (with(SNAPSHOT), with(KEPT));
    for number in &kept {
        let name = path.join(format!("{KEPT}{number}"));
        if snapshots.is_empty() {
            fs::rename(name, path.join(format!("{SNAPSHOT}{number}"))).map_err(opening)?;
        } else {
            fs::remove_file(name).map_err(opening)?;
        }
    }
    for number in if snapshots.is_empty() { &kept } else { &snapshots } {
        let (from, to) = (path.join(format!("{SNAPSHOT}{number}")), path.join(format!("{KEPT}{number}")));
        fs::hard_link(from, to).map_err(opening)?;
    }
    directory::sync(path)
}

/// To be called when the names in the directory are durable.
pub(super) fn forget_kept_snapshots(path: &Path) -> Result<(), BackendError> {
    for name in names(path)?.iter().filter(|name| name.starts_with(KEPT)) {
        fs::remove_file(path.join(name)).map_err(|error| BackendError::opening(path, error))?;
    }
    Ok(())
}

fn names(path: &Path) -> Result<Vec<String>, BackendError> {
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| BackendError::opening(path, error))?;
    Ok(entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Syncs what sled does not: its settings, and the names of its files.
pub(super) fn sync_names(path: &Path) -> Result<(), BackendError> {
    directory::sync(&path.join("conf"))?;
    directory::sync(path)
}

/// Refuses before sled begins a write that the disk has no room for: sled cannot go on after a failed write.
pub(super) fn require_space(file: &File, bytes: u64) -> Result<(), BackendError> {
    /// Sled allocates segments of 512 KiB, and writes a page again after some changes.
    const SEGMENTS: u64 = 4 << 20;
    let space =
        rustix::fs::fstatvfs(file).map_err(|errno| BackendError::Write(io::Error::from(errno).into()))?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if free < bytes.saturating_mul(4).saturating_add(SEGMENTS) {
        return Err(BackendError::DiskFull);
    }
    Ok(())
}

/// Sled's flush starts the write-back of its file; only a sync makes it durable.
pub(super) fn make_durable(db: &Db, file: &File, path: &Path) -> Result<(), BackendError> {
    guarded(|| db.flush()).map_err(BackendError::Write)?;
    file.sync_data().map_err(|error| BackendError::Write(error.into()))?;
    debug_assert!(
        fs::read_dir(path.join("blobs")).is_ok_and(|mut entries| entries.next().is_none()),
        "sled never syncs what it writes to blobs/, so nothing may get there"
    );
    Ok(())
}

fn config(path: &Path) -> ::sled::Config {
    ::sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .mode(::sled::Mode::LowSpace)
        .use_compression(false)
        .flush_every_ms(None)
}
