//! The files that other containers of the pod read.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::credentials::Credentials;

const EVERYBODY_READS: u32 = 0o444;
const OWNER_READS: u32 = 0o400;

/// The file with the workload secret.
pub(crate) const WORKLOAD_SECRET: &str = "workload-secret-seed";

/// What could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// The directory cannot be made.
    #[error("cannot make the directory {}: {cause}; mount a writable volume there", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A file cannot be replaced.
    #[error("cannot write {}: {cause}; mount a writable volume with free space there", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// Writes everything into `directory`, which is made if need be. Each file is replaced as a whole, so that a
/// reader sees the old one or the new one. A secret of an earlier run is removed where there is none now.
///
/// # Errors
/// See [`FilesError`].
pub(crate) fn write(directory: &Path, credentials: &Credentials, key_pem: &str) -> Result<(), FilesError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(|cause| FilesError::Directory { path: directory.to_owned(), cause })?;
    replace(directory, "key.pem", OWNER_READS, key_pem.as_bytes())?;
    replace(directory, "certChain.pem", EVERYBODY_READS, &credentials.chain)?;
    replace(directory, "mesh-ca.pem", EVERYBODY_READS, &credentials.mesh_ca)?;
    replace(directory, "coordinator-root-ca.pem", EVERYBODY_READS, &credentials.root_ca)?;
    if credentials.workload_secret.is_empty() {
        return remove(&directory.join(WORKLOAD_SECRET));
    }
    let digits = Zeroizing::new(hex::encode(&*credentials.workload_secret));
    replace(directory, WORKLOAD_SECRET, OWNER_READS, digits.as_bytes())
}

fn replace(directory: &Path, name: &str, mode: u32, content: &[u8]) -> Result<(), FilesError> {
    let path = directory.join(name);
    let new = directory.join(format!(".{name}.new"));
    // One that was left behind by a run that was killed.
    remove(&new)?;
    create(&new, mode, content).and_then(|()| fs::rename(&new, &path)).map_err(|cause| {
        // Half a file is of no use to anybody; if it stays, the next run removes it.
        let _ = fs::remove_file(&new);
        FilesError::File { path, cause }
    })
}

fn create(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_READS).open(path)?;
    file.write_all(content)?;
    // The mode on opening is at the mercy of the process's mask.
    file.set_permissions(Permissions::from_mode(mode))
}

fn remove(path: &Path) -> Result<(), FilesError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(FilesError::File { path: path.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(mark: &str, secret: &[u8]) -> Credentials {
        Credentials {
            mesh_ca: format!("mesh {mark}").into(),
            chain: format!("chain {mark}").into(),
            root_ca: format!("root {mark}").into(),
            workload_secret: Zeroizing::new(secret.to_vec()),
        }
    }

    /// Name, mode and content of every file, sorted.
    fn listing(directory: &Path) -> Vec<(String, u32, String)> {
        let mut files: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                (path.file_name().unwrap().display().to_string(), mode, fs::read_to_string(&path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    fn file(name: &str, mode: u32, content: &str) -> (String, u32, String) {
        (name.into(), mode, content.into())
    }

    #[test]
    fn names_modes_and_contents_are_those_that_pods_expect() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("made/on/the/way");
        write(&target, &credentials("1", &[0xab, 0x01]), "key 1").unwrap();
        assert_eq!(
            listing(&target),
            [
                file("certChain.pem", 0o444, "chain 1"),
                file("coordinator-root-ca.pem", 0o444, "root 1"),
                file("key.pem", 0o400, "key 1"),
                file("mesh-ca.pem", 0o444, "mesh 1"),
                file("workload-secret-seed", 0o400, "ab01"),
            ]
        );
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn a_second_run_replaces_files_that_nobody_may_write() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".key.pem.new"), "left behind").unwrap();
        write(directory.path(), &credentials("1", &[1]), "key 1").unwrap();
        write(directory.path(), &credentials("2", &[2]), "key 2").unwrap();
        let contents: Vec<_> = listing(directory.path()).into_iter().map(|(_, _, content)| content).collect();
        assert_eq!(contents, ["chain 2", "root 2", "key 2", "mesh 2", "02"]);
    }

    #[test]
    fn a_pod_without_a_secret_has_no_secret_of_before() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &credentials("1", &[1]), "key 1").unwrap();
        write(directory.path(), &credentials("2", &[]), "key 2").unwrap();
        assert!(!directory.path().join("workload-secret-seed").exists());
        assert_eq!(listing(directory.path()).len(), 4);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let occupied = directory.path().join("file");
        fs::write(&occupied, "").unwrap();
        let error = write(&occupied, &credentials("1", &[]), "key").unwrap_err();
        assert!(error.to_string().contains(occupied.to_str().unwrap()), "{error}");

        fs::create_dir(directory.path().join("key.pem")).unwrap();
        let error = write(directory.path(), &credentials("1", &[]), "key").unwrap_err();
        assert!(error.to_string().contains("key.pem"), "{error}");
        assert!(!directory.path().join(".key.pem.new").exists());
    }
}
