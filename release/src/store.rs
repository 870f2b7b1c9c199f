//! Files from elsewhere, known by their digest, in a folder that outlives builds.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use contrast_image::Digest;
use tempfile::TempDir;

/// Packages by their digest.
pub struct Store {
    folder: PathBuf,
}

/// Why a file cannot be used.
#[derive(thiserror::Error, Debug)]
pub enum StoreError {
    /// There is no place for the store.
    #[error("there is no home folder to keep packages in; name a folder in CONTRAST_PACKAGES")]
    NoHome,
    /// The store cannot be read or written.
    #[error("cannot use {}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// There is another file under this name and version.
    #[error(
        "{name} has the digest {found} instead of {expected}; do not use it unless you know why it is another file"
    )]
    Other {
        /// The package.
        name: String,
        /// What came.
        found: Digest,
        /// What the recipe wants.
        expected: Digest,
    },
}

impl Store {
    /// The store that `CONTRAST_PACKAGES` names, else one below the user's caches.
    ///
    /// # Errors
    /// If the user has no home folder.
    pub fn of_user() -> Result<Self, StoreError> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = || absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        let folder = absolute("CONTRAST_PACKAGES").or_else(|| Some(caches()?.join("contrast-packages")));
        Ok(Self { folder: folder.ok_or(StoreError::NoHome)? })
    }

    /// A store in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file with this digest is or would be: anybody may put it there.
    #[must_use]
    pub fn place(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("sha256-{}", digest.hex()))
    }

    /// Whether there is a file with this digest.
    ///
    /// # Errors
    /// If it cannot be read, or has another digest than its name says.
    pub(crate) fn has(&self, name: &str, digest: Digest) -> Result<bool, StoreError> {
        let path = self.place(digest);
        match fs::read(&path) {
            Ok(bytes) => check(name, &bytes, digest).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(StoreError::Io { path, cause }),
        }
    }

    /// Keeps what was downloaded into a room, if it has this digest.
    ///
    /// # Errors
    /// If it has another one, or cannot be kept.
    pub(crate) fn keep(&self, room: &TempDir, name: &str, digest: Digest) -> Result<(), StoreError> {
        for entry in fs::read_dir(room.path()).map_err(using(room.path()))? {
            let path = entry.map_err(using(room.path()))?.path();
            check(name, &fs::read(&path).map_err(using(&path))?, digest)?;
            // Complete or not at all: it is on the same file system.
            fs::rename(&path, self.place(digest)).map_err(using(&path))?;
        }
        Ok(())
    }

    /// A new folder on the same file system, which goes with its owner.
    pub(crate) fn room(&self) -> Result<TempDir, StoreError> {
        fs::create_dir_all(&self.folder).map_err(using(&self.folder))?;
        tempfile::tempdir_in(&self.folder).map_err(using(&self.folder))
    }
}

fn check(name: &str, bytes: &[u8], expected: Digest) -> Result<(), StoreError> {
    let found = Digest::of(bytes);
    if found == expected { Ok(()) } else { Err(StoreError::Other { name: name.to_owned(), found, expected }) }
}

fn using(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |cause| StoreError::Io { path, cause }
}
