//! The state directory: its lock, and what belongs into it.

use super::names::{self, Expected};
use crate::backend_error::BackendError;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const LOG: &str = "log";
const UNFINISHED: &str = "log.new";
const ACKNOWLEDGED: &str = "acknowledged";
const LOCK: &str = "lock";
/// `mkfs` makes this one at the root of a file system.
const LOST_AND_FOUND: &str = "lost+found";

/// A state directory that this process alone uses.
pub(super) struct Directory {
    path: PathBuf,
    /// The lock goes when the file is closed.
    _lock: File,
}

impl Directory {
    /// Makes the directory if it is missing, refuses one that holds something else, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, BackendError> {
        match fs::create_dir(path) {
            Ok(()) => sync_parent(path)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // The directory may be there although nothing can be made beside it.
            Err(_) if path.is_dir() => {}
            Err(error) => return Err(BackendError::opening(path, error)),
        }
        check_names(path)?;
        refuse_foreign(path)?;
        let lock = names::open_or_make_file(&path.join(LOCK))?;
        lock.try_lock().map_err(|error| refused_lock(path, error))?;
        // Whoever had the lock until now may have left something else.
        check_names(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }

    pub(super) fn unfinished(&self) -> PathBuf {
        self.path.join(UNFINISHED)
    }

    pub(super) fn acknowledged(&self) -> PathBuf {
        self.path.join(ACKNOWLEDGED)
    }

    pub(super) fn has_log(&self) -> Result<bool, BackendError> {
        names::check_if_there(&self.log(), Expected::Directory)
    }

    /// Removes what an interrupted start of a log has left; nothing in it was ever acknowledged.
    pub(super) fn remove_unfinished(&self) -> Result<(), BackendError> {
        let path = self.unfinished();
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(BackendError::opening(path, error)),
            _ => Ok(()),
        }
    }

    /// Gives the finished database its name, durably.
    pub(super) fn finish(&self) -> Result<(), BackendError> {
        fs::rename(self.unfinished(), self.log())
            .map_err(|error| BackendError::opening(self.log(), error))?;
        self.sync()
    }

    /// Makes new names in the directory durable.
    pub(super) fn sync(&self) -> Result<(), BackendError> {
        sync(&self.path)
    }
}

/// A lock that keeps writers away while a state directory is read.
pub(crate) struct SharedLock(
    #[expect(dead_code, reason = "the lock goes when the file is closed")] Option<File>,
);

impl SharedLock {
    /// Takes the lock without writing to the directory. A directory without a lock file is in nobody's use.
    pub(crate) fn take(directory: &Path) -> Result<Self, BackendError> {
        check_names(directory)?;
        let path = directory.join(LOCK);
        if !names::check_if_there(&path, Expected::File)? {
            return Ok(Self(None));
        }
        let file = names::open_file(&path)?;
        file.try_lock_shared().map_err(|error| refused_lock(directory, error))?;
        Ok(Self(Some(file)))
    }
}

/// Syncs a file or a directory.
pub(super) fn sync(path: &Path) -> Result<(), BackendError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| BackendError::opening(path, error))
}

fn sync_parent(path: &Path) -> Result<(), BackendError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync(parent.unwrap_or(Path::new(".")))
}

/// Refuses links and the like under the names of a store, and as the directory itself. What other names there are is
/// nobody's concern: they are never opened.
fn check_names(path: &Path) -> Result<(), BackendError> {
    names::check_if_there(path, Expected::Directory)?;
    names::check_all(path, |name| match name {
        name if name == LOG.as_bytes() || name == UNFINISHED.as_bytes() => Some(Expected::Directory),
        name if name == LOCK.as_bytes() || name == ACKNOWLEDGED.as_bytes() => Some(Expected::File),
        _ => None,
    })
}

/// A directory without a log must not hold anything that this program did not put there.
fn refuse_foreign(path: &Path) -> Result<(), BackendError> {
    let opening = |error| BackendError::opening(path, error);
    let mut foreign = None;
    for entry in fs::read_dir(path).map_err(opening)? {
        let name = entry.map_err(opening)?.file_name();
        if name == LOG {
            return Ok(());
        }
        if ![UNFINISHED, ACKNOWLEDGED, LOCK, LOST_AND_FOUND].map(OsStr::new).contains(&name.as_os_str()) {
            foreign = Some(name);
        }
    }
    match foreign {
        Some(found) => Err(BackendError::Foreign { path: path.to_owned(), found: found.into() }),
        None => Ok(()),
    }
}

fn refused_lock(directory: &Path, error: TryLockError) -> BackendError {
    match error {
        TryLockError::WouldBlock => BackendError::InUse { path: directory.to_owned() },
        TryLockError::Error(error) => BackendError::opening(directory.join(LOCK), error),
    }
}
