//! The files of a deployment: their names, their modes, and how they are replaced.

mod file;
mod memory;

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use crate::failure::Advice;

pub(crate) use file::{
    MAX_BOOT_FILE_LEN, MAX_EVENTS_LEN, create_secret, finish_writing, may_replace, read, read_bounded,
    remove_folder, remove_where, replace_all, set_aside, write, write_all,
};
pub(crate) use memory::Memory;

pub(crate) const MANIFEST: &str = "manifest.json";
/// Settings of policies.
pub(crate) const SETTINGS: &str = "settings.json";
pub(crate) const WORKLOAD_OWNER_KEY: &str = "workload-owner.pem";
pub(crate) const SEEDSHARE_OWNER_KEY: &str = "seedshare-owner.pem";
pub(crate) const SEED_SHARES: &str = "seed-shares.json";
pub(crate) const ROOT_CA: &str = "coordinator-root-ca.pem";
pub(crate) const MESH_CA: &str = "mesh-ca.pem";
pub(crate) const VERIFY_DIR: &str = "verify";
pub(crate) const LATEST_TRANSITION: &str = "latest-transition";
/// Below [`VERIFY_DIR`]: a history that nobody accepted yet, to be read.
const UNSEEN_DIR: &str = "unseen";

/// The folder with a deployment's files.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    dir: PathBuf,
}

/// A file of the workspace cannot be used.
#[derive(thiserror::Error, Debug)]
pub(crate) enum WorkspaceError {
    /// Reading failed.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// It is a folder, a device or a pipe.
    #[error("{} is not a file, but a folder, a device or a pipe", path.display())]
    NotAFile { path: PathBuf },
    /// It is longer than such a file can be.
    #[error("{} has more than the {longest} bytes that are read of such a file", path.display())]
    TooLong { path: PathBuf, longest: usize },
    /// Writing failed; the file is as it was before.
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// There is a file already, which must not be lost.
    #[error("{} is there already", path.display())]
    Exists { path: PathBuf },
    /// Removing failed.
    #[error("cannot remove {}, or files from it", path.display())]
    Remove { path: PathBuf, source: io::Error },
    /// The file does not hold a transition hash.
    #[error("{} must hold a transition hash, 64 hexadecimal digits, and does not", path.display())]
    NoTransition { path: PathBuf },
}

impl WorkspaceError {
    /// Standard output could not be written.
    pub(crate) fn standard_output(source: io::Error) -> Self {
        Self::Write { path: "standard output".into(), source }
    }
}

impl Advice for WorkspaceError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("check the path; --workspace-dir names the folder of the default files".into())
            }
            Self::NotAFile { .. } | Self::TooLong { .. } => {
                Some("check the path, or copy what is meant into a file of its own".into())
            }
            Self::Exists { .. } => Some("move it away, or run the command again to use it".into()),
            Self::Read { .. } | Self::Write { .. } | Self::Remove { .. } => None,
            Self::NoTransition { path } => Some(
                format!(
                    "restore {}, or remove it to begin anew without protection from rollbacks",
                    path.display()
                )
                .into(),
            ),
        }
    }
}

impl Workspace {
    /// The workspace in `dir`, or in the current folder.
    pub(crate) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir: dir.unwrap_or_default() }
    }

    /// The path of a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The folder that `verify` writes to.
    pub(crate) fn verify_dir(&self) -> PathBuf {
        self.path(VERIFY_DIR)
    }

    /// The folder that `verify` writes a history to which has to be read first.
    pub(crate) fn unseen_dir(&self) -> PathBuf {
        self.verify_dir().join(UNSEEN_DIR)
    }

    /// The latest transition that this workspace knows, if it knows any.
    pub(crate) fn latest_transition(&self) -> Result<Option<[u8; 32]>, WorkspaceError> {
        latest_transition(&self.verify_dir())
    }
}

/// The latest transition that a folder of `verify` holds, if any.
pub(crate) fn latest_transition(verify_dir: &Path) -> Result<Option<[u8; 32]>, WorkspaceError> {
    read_transition(verify_dir.join(LATEST_TRANSITION))
}

/// The transition in a file, if there is that file.
fn read_transition(path: PathBuf) -> Result<Option<[u8; 32]>, WorkspaceError> {
    let bytes = match read(&path) {
        Ok(bytes) => bytes,
        Err(WorkspaceError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut transition = [0; 32];
    match hex::decode_to_slice(bytes.trim_ascii(), &mut transition) {
        Ok(()) => Ok(Some(transition)),
        Err(_) => Err(WorkspaceError::NoTransition { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_transition_file_is_an_error_and_does_not_count_as_absent() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(Some(dir.path().to_owned()));
        workspace.remember(Memory::all_seen([1; 32])).unwrap();
        std::fs::write(dir.path().join("verify/latest-transition"), "abc").unwrap();
        assert!(matches!(workspace.latest_transition(), Err(WorkspaceError::NoTransition { .. })));
    }
}
