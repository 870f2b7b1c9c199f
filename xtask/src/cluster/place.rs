//! Where a cluster keeps its files, and the names that follow from that.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{order::Containerd, problem::Problem};
use crate::{failure::Failure, workspace};

/// The folder of one cluster. Several can exist at once on a machine.
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// The folder that was asked for, or one in the build folder for each containerd.
    ///
    /// # Errors
    /// When its path cannot be found out, or cannot be an option of a mount.
    pub(super) fn new(asked: Option<PathBuf>, containerd: Containerd) -> Result<Self, Failure> {
        let folder = match asked {
            Some(folder) => folder,
            None => workspace::target()?.join(format!("cluster-{}", containerd.name())),
        };
        let folder = std::path::absolute(&folder).map_err(Failure::reading(&folder))?;
        // Links above it are followed, so that one folder has one name.
        let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
            return Err(Problem::Folder { folder }.into());
        };
        fs::create_dir_all(parent).map_err(Failure::writing(parent))?;
        let folder = parent.canonicalize().map_err(Failure::reading(parent))?.join(name);
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
        if !folder.to_str().is_some_and(|text| text.chars().all(plain)) || folder.is_symlink() {
            return Err(Problem::Folder { folder }.into());
        }
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file or folder of the cluster.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The name of its cgroups.
    pub(super) fn name(&self) -> String {
        // FNV-1a, 64 bits: the same in every build of this program.
        let hash = self
            .folder
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("contrast-cluster-{hash:016x}")
    }

    /// Waits until nobody else starts or ends this cluster.
    ///
    /// # Errors
    /// When there can be no lock here.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.folder.with_extension("lock");
        loop {
            let file = File::create(&path).map_err(Failure::writing(&path))?;
            if file.try_lock().is_err() {
                println!("waiting for another `cargo xtask cluster` with {}", self.folder.display());
                file.lock().map_err(Failure::writing(&path))?;
            }
            // Whoever had it may have removed it.
            let mine = file.metadata().map_err(Failure::reading(&path))?;
            if fs::metadata(&path).is_ok_and(|now| now.ino() == mine.ino()) {
                return Ok(Lock { path, _file: file });
            }
        }
    }
}

/// The right to start or end a cluster. It is given back with the end of this process at the latest.
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Whoever waits for it looks whether it is still there.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        Place::new(Some(std::env::temp_dir().join(name)), Containerd::Two).unwrap()
    }

    #[test]
    fn two_folders_are_two_clusters() {
        assert_eq!(place("one").name(), place("one").name());
        assert_ne!(place("one").name(), place("two").name());
        assert_eq!(place("./one").name(), place("one").name());
    }

    #[test]
    fn a_folder_that_a_mount_would_misread_is_refused() {
        for name in ["a,b", "a:b", "a b", "a\\b"] {
            assert!(Place::new(Some(std::env::temp_dir().join(name)), Containerd::Two).is_err(), "{name}");
        }
    }

    #[test]
    fn a_lock_that_was_removed_while_somebody_waited_locks_nobody_out() {
        let place = place(&format!("contrast-xtask-lock-{}", std::process::id()));
        let first = place.lock().unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| place.lock().map(drop).is_ok());
            drop(first);
            assert!(second.join().unwrap());
        });
        drop(place.lock().unwrap());
        assert!(!place.folder().with_extension("lock").exists());
    }
}
