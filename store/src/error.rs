//! What can go wrong with a log, each with what to do next.

use crate::backend_error::BackendError;
use crate::header::FORMAT_VERSION;
use crate::keys::MIN_SEED_LEN;
use crate::record::SealError;

/// Failure of an operation on a log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage engine failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The header is not what this program writes.
    #[error("the header of the store is damaged ({0}); restore the store from a copy")]
    Header(HeaderDefect),
    /// Written by a newer version of this program.
    #[error(
        "the store has format {found}, but this program knows formats up to {FORMAT_VERSION}; use a newer program"
    )]
    NewerFormat {
        /// Version found.
        found: u32,
    },
    /// The seed is too short to be one.
    #[error("the seed has {length} bytes, at least {MIN_SEED_LEN} are needed; give the whole seed")]
    SeedTooShort {
        /// Length given.
        length: usize,
    },
    /// The seed belongs to another log.
    #[error(
        "the seed does not open this store; it belongs to another deployment, or is damaged: give the seed of this one"
    )]
    WrongSeed,
    /// The seed is right, but a record is not what was written.
    #[error(
        "the record at position {position} does not verify: it was altered, moved, or comes from another log; restore the store from a copy"
    )]
    Unverified {
        /// The first position that does not verify.
        position: u64,
    },
    /// The log has changed below an open reader.
    #[error("the log ends at position {found}, but position {wanted} was asked for")]
    BeyondEnd {
        /// Position asked for.
        wanted: u64,
        /// Number of records.
        found: u64,
    },
    /// The engine was opened anew, and holds something else than before.
    #[error(
        "the store was opened anew after a failed write, and does not hold what it held before; restart, and restore it from a copy if that does not help"
    )]
    Diverged,
    /// No such blob.
    #[error("there is no blob with SHA-256 {}; the store is incomplete, restore it from a copy", Hex(.digest))]
    BlobMissing {
        /// SHA-256 asked for.
        digest: [u8; 32],
    },
    /// The blob is not what was written.
    #[error("the blob at address {} does not verify: it was altered or moved; restore the store from a copy", Hex(.address))]
    BlobUnverified {
        /// Where it is kept.
        address: [u8; 32],
    },
    /// There is nothing to append.
    #[error("a log begins with at least one event")]
    NoEvents,
    /// Sealing failed.
    #[error("an event could not be sealed: {0}")]
    Sealing(#[from] SealError),
    /// No thread for reading ahead could be started.
    #[error("the system started no thread to read the store: {0}; allow this process more threads")]
    Thread(#[source] std::io::Error),
}

/// Why unlocking failed. The log stays locked.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError<E> {
    /// The log could not be opened with this seed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller refused an event.
    #[error("the event at position {position} was refused: {reason}")]
    Event {
        /// Its position.
        position: u64,
        /// The caller's reason.
        reason: E,
    },
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderDefect {
    /// It does not begin like one.
    #[error("it is not a header")]
    NotAHeader,
    /// Newer than this program.
    #[error("it has format {found}, which is newer than this program")]
    Newer {
        /// Version found.
        found: u32,
    },
    /// Cut, or with something behind it.
    #[error("its length is wrong")]
    Length,
    /// Its digest does not fit.
    #[error("its digest does not fit")]
    Digest,
}

impl From<HeaderDefect> for StoreError {
    fn from(defect: HeaderDefect) -> Self {
        match defect {
            HeaderDefect::Newer { found } => Self::NewerFormat { found },
            other => Self::Header(other),
        }
    }
}

/// Lower-case hex.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
