//! Starting, writing and stopping sled so that what was acknowledged survives a power cut.

use super::guard::guarded;
use super::names::{self, Expected};
use super::{directory, judge};
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
const HALF_WRITTEN: &str = ".generating";

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
    let lock = names::open_file(&file)?;
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
    judge::judge(path, &snapshots(path)?)?;
    // Let go of expressly: a child that this process is starting just now has the file open, too, until it runs.
    lock.unlock().map_err(|error| BackendError::opening(&file, error))?;
    make(path)
}

fn not_opened(path: &Path, failure: EngineFailure) -> BackendError {
    match failure {
        EngineFailure::Io(source) => BackendError::opening(path, source),
        other => Damage::Engine(other).into(),
    }
}

/// Refuses a database that lacks a file, or has a name that sled would open and that is not one of its files.
pub(super) fn check_names(path: &Path) -> Result<(), BackendError> {
    names::check_all(path, |name| match name {
        b"blobs" => Some(Expected::Directory),
        b"db" | b"conf" => Some(Expected::File),
        name if [SNAPSHOT, KEPT].iter().any(|prefix| name.starts_with(prefix.as_bytes())) => {
            Some(Expected::File)
        }
        _ => None,
    })?;
    for file in ["db", "conf"].map(|name| path.join(name)) {
        if !names::check_if_there(&file, Expected::File)? {
            return Err(Damage::FileMissing(file).into());
        }
    }
    for entry in entries(path)? {
        let name = entry.file_name();
        let known = name.to_str().is_some_and(|name| {
            let number = name.strip_prefix(SNAPSHOT).or(name.strip_prefix(KEPT));
            number.is_none_or(|number| is_number(number.strip_suffix(HALF_WRITTEN).unwrap_or(number)))
        });
        if !known {
            return Err(Damage::Unexpected(entry.path()).into());
        }
    }
    let blobs = path.join("blobs");
    if names::check_if_there(&blobs, Expected::Directory)?
        && let Some(blob) = entries(&blobs)?.first()
    {
        return Err(Damage::Unexpected(blob.path()).into());
    }
    Ok(())
}

/// As sled writes the number of a snapshot.
fn is_number(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit))
}

/// Sled checks the CRC of its settings but goes on when it is wrong.
pub(super) fn check_settings(path: &Path) -> Result<(), BackendError> {
    let found = names::read_at_most(names::open_file(path)?, SETTINGS.len() as u64)
        .map_err(|error| BackendError::opening(path, error))?;
    if found.is_some_and(|found| found == SETTINGS) {
        Ok(())
    } else {
        Err(Damage::Settings(path.to_owned()).into())
    }
}

/// The names of the snapshots that sled would read.
fn snapshots(path: &Path) -> Result<Vec<String>, BackendError> {
    Ok(names(path)?.into_iter().filter(|name| name.starts_with(SNAPSHOT)).collect())
}

/// Prepares the snapshots for an opening that may be interrupted.
///
/// Sled writes a new snapshot under a temporary name that it would itself take for a snapshot after a crash, and
/// removes the old one before the name of the new one is durable. Without any it cannot always open. So the old one
/// is kept under a second name until [`forget_kept_snapshots`].
pub(super) fn keep_snapshots(path: &Path) -> Result<(), BackendError> {
    let opening = |error| BackendError::opening(path, error);
    let names = names(path)?;
    for half_written in names.iter().filter(|name| name.ends_with(HALF_WRITTEN)) {
        fs::remove_file(path.join(half_written)).map_err(opening)?;
    }
    let with = |prefix: &str| -> Vec<String> {
        let whole = names.iter().filter(|name| !name.ends_with(HALF_WRITTEN));
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
    Ok(entries(path)?.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

fn entries(path: &Path) -> Result<Vec<fs::DirEntry>, BackendError> {
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    entries.map_err(|error| BackendError::opening(path, error))
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
