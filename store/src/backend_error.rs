//! What can go wrong in a storage engine, each with what to do next.

use std::io;
use std::path::PathBuf;

/// Failure of a storage engine.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The file system is mounted read-only.
    #[error("the store at {path} cannot be opened: its file system is read-only; mount it writable")]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
    },
    /// Not allowed by file permissions.
    #[error(
        "the store at {path} cannot be opened: permission denied; run as the user who owns it, or give that user the directory"
    )]
    Permission {
        /// The file or directory.
        path: PathBuf,
    },
    /// Any other failure to create or open a file.
    #[error(
        "the store at {path} cannot be opened: {source}; check that the directory exists and its disk is healthy"
    )]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("the store at {path} is in use by another process; stop that process first")]
    InUse {
        /// The state directory.
        path: PathBuf,
    },
    /// The directory holds something else.
    #[error(
        "the directory {path} holds no store, but it is not empty ({found} is in it); choose an empty directory"
    )]
    Foreign {
        /// The state directory.
        path: PathBuf,
        /// Name of an entry that does not belong to a store.
        found: PathBuf,
    },
    /// Written by a newer version of this program.
    #[error(
        "the store has layout {found}, but this program knows layouts up to {newest}; use a newer program"
    )]
    NewerLayout {
        /// Version found.
        found: u32,
        /// Newest version known.
        newest: u32,
    },
    /// A migration failed; the store is as before.
    #[error("the store could not be brought to the present layout: {0}; it was left as it was")]
    Migration(#[source] contrast_migrations::MigrationError),
    /// What is on disk cannot be what was written.
    #[error(
        "the store is damaged: {0}; restore it from a copy, or start a new deployment in an empty directory"
    )]
    Damaged(#[from] Damage),
    /// A record below the head is not there.
    #[error(
        "the record at position {position} is missing; the store is damaged or was tampered with, restore it from a copy"
    )]
    Missing {
        /// Its position.
        position: u64,
    },
    /// Another writer was first.
    #[error("position {at} is taken, the log has {head} records by now; reopen the store and decide again")]
    PositionTaken {
        /// The position asked for.
        at: u64,
        /// The present head.
        head: u64,
    },
    /// No room; nothing was written.
    #[error("the disk is full, nothing was written; free some space on it and repeat")]
    DiskFull,
    /// A record or blob is longer than the engine can keep.
    #[error("{length} bytes are more than the store keeps in one piece (at most {most})")]
    TooLong {
        /// Length asked for.
        length: usize,
        /// Longest possible.
        most: usize,
    },
    /// Writing failed half way.
    #[error(
        "writing to the store failed: {0}; check the disk and restart, the last change may or may not be there"
    )]
    Write(#[source] EngineFailure),
    /// An earlier write failed half way.
    #[error(
        "an earlier write to the store failed, so that nothing more is appended to it; check the disk and restart"
    )]
    Poisoned,
    /// Reading failed.
    #[error("reading from the store failed: {0}; check the disk and restart")]
    Read(#[source] EngineFailure),
}

/// What is wrong with a damaged store.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A file of the store is not there.
    #[error("its file {0} is missing")]
    FileMissing(PathBuf),
    /// A name does not stand for the plain file or directory that this program made.
    #[error("{path} is {found}, and nothing of that kind is ever opened there")]
    NotPlain {
        /// Where.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file has another name elsewhere, so that writing into it would change that one.
    #[error("its file {0} has a second name outside of the directory")]
    SharedFile(PathBuf),
    /// Something that this program never makes, and the engine would open.
    #[error("{0} does not belong there")]
    Unexpected(PathBuf),
    /// A file of the engine has the right checksums and says what the engine cannot have written.
    #[error("its file {path} says at byte {offset} what no intact store says")]
    Unsound {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
    },
    /// The engine's settings are not the ones that this program writes.
    #[error("its file {0} does not have the content that this program writes")]
    Settings(PathBuf),
    /// Fewer records than were acknowledged.
    #[error("{acknowledged} records were acknowledged, but only {found} are there")]
    Shorter {
        /// Records that are known to have been durable.
        acknowledged: u64,
        /// Records found.
        found: u64,
    },
    /// There is no header, or no layout version.
    #[error("its header is missing")]
    NoHeader,
    /// A value does not have the form that this program writes.
    #[error("a stored value has the wrong form")]
    Form,
    /// The engine found a wrong checksum, or gave up.
    #[error("{0}")]
    Engine(EngineFailure),
}

/// Why the engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineFailure {
    /// A system call failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The engine reported a failure of its own.
    #[error("{0}")]
    Sled(::sled::Error),
    /// The engine gave up at a place where it expects intact data.
    #[error("the storage engine stopped unexpectedly: {0}")]
    Panicked(String),
    /// A fault that a test asked for.
    #[cfg(feature = "faults")]
    #[error("injected fault")]
    Injected,
}

impl BackendError {
    /// Whether it is unknown if the batch was written. Then nothing more may be appended until the engine has been
    /// opened again and its head has been read.
    #[must_use]
    pub fn leaves_doubt(&self) -> bool {
        !matches!(self, Self::PositionTaken { .. } | Self::DiskFull | Self::TooLong { .. })
    }

    /// Sorts an error of opening `path` into its causes.
    pub(crate) fn opening(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Open { path, source },
        }
    }
}
