//! Looking at a store without changing it: what `coordinator store check` does.

use crate::backend_error::{BackendError, Damage};
use crate::chain::Digest;
use crate::error::{StoreError, UnlockError};
use crate::log::{Opened, Replayed, open};
use crate::sled_backend::{SharedLock, SledBackend};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Format of header, sealing and chain.
    pub format_version: u32,
    /// Layout of keys in the engine, after migrations.
    pub layout_version: u32,
    /// Number of events.
    pub events: u64,
    /// Chain digest over all events.
    pub head_digest: Digest,
    /// Number of blobs; `None` without the seed.
    pub blobs: Option<u64>,
    /// Whether every event and every blob was authenticated, which needs the seed.
    pub verified: bool,
}

/// Reads the store in `directory`, and verifies all of it if the seed is given. `on_event` gets every event, also
/// those before an error, and answers which blobs it names by SHA-256: each must be there.
///
/// The engine cannot open a database without writing to it, so a private copy in the directory for temporary files
/// (`TMPDIR`) is opened; there must be room for it. The store itself is locked against writers, not changed.
///
/// # Errors
/// Whatever keeps the store from being opened or verified; in use by another process is one of them, an empty
/// directory another.
pub fn inspect<Names: IntoIterator<Item = Digest>>(
    directory: impl AsRef<Path>,
    seed: Option<&[u8]>,
    mut on_event: impl FnMut(Replayed<'_>) -> Names,
) -> Result<Summary, StoreError> {
    let directory = directory.as_ref();
    let _no_writers = SharedLock::take(directory)?;
    let copy = tempfile::Builder::new()
        .prefix("contrast-store-check-")
        .tempdir()
        .map_err(|error| BackendError::opening(std::env::temp_dir(), error))?;
    copy_tree(directory, copy.path())?;

    let Opened::Locked(locked) = open(SledBackend::open(copy.path())?)? else {
        return Err(BackendError::from(Damage::NoHeader).into());
    };
    let mut summary = Summary {
        format_version: locked.header().format_version,
        layout_version: locked.layout_version(),
        events: locked.events(),
        head_digest: [0; 32],
        blobs: None,
        verified: false,
    };
    match seed {
        None => summary.head_digest = locked.head_digest()?,
        Some(seed) => {
            let mut named = BTreeSet::new();
            let deliver = |replayed: Replayed<'_>| -> Result<(), Infallible> {
                named.extend(on_event(replayed));
                Ok(())
            };
            let log = locked.unlock(seed, deliver).map_err(|(_, error)| match error {
                UnlockError::Store(error) => error,
                UnlockError::Event { reason, .. } => match reason {},
            })?;
            summary.head_digest = log.reader().head().digest;
            summary.blobs = Some(log.reader().check_blobs()?);
            for digest in named {
                log.reader().blob(&digest)?;
            }
            summary.verified = true;
        }
    }
    Ok(summary)
}

/// Copies the plain files and directories of a state directory.
fn copy_tree(from: &Path, to: &Path) -> Result<(), BackendError> {
    let opening = |error| BackendError::opening(from, error);
    for entry in fs::read_dir(from).map_err(opening)? {
        let entry = entry.map_err(opening)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(opening)?;
        // What `mkfs` has left is not readable for everybody, and none of the store's.
        if kind.is_dir() && entry.file_name() != "lost+found" {
            fs::create_dir(&target).map_err(|error| BackendError::opening(&target, error))?;
            copy_tree(&source, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target).map_err(|error| BackendError::opening(&source, error))?;
        }
    }
    Ok(())
}
