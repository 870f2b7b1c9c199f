//! The files of a simulated processor's directory.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use zeroize::Zeroizing;

use super::SimulatorError;

pub(super) const ARK_KEY: &str = "ark-key.der";
pub(super) const ARK: &str = "ark.der";
pub(super) const ASK_KEY: &str = "ask-key.der";
pub(super) const ASK: &str = "ask.der";
pub(super) const VCEK_KEY: &str = "vcek-key.der";
pub(super) const VCEK: &str = "vcek.der";

/// Makes the directory, for the owner only, unless it holds a processor already.
pub(super) fn create_dir(dir: &Path) -> Result<(), SimulatorError> {
    if dir.join(ARK_KEY).exists() {
        return Err(SimulatorError::Exists { dir: dir.to_owned() });
    }
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    created.map_err(|source| SimulatorError::Io { path: dir.to_owned(), source })
}

/// Writes a new file that only its owner can read.
pub(super) fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), SimulatorError> {
    let path = dir.join(name);
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| SimulatorError::Io { path: path.clone(), source })
}

pub(super) fn read(dir: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
    let path = dir.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(SimulatorError::Missing { dir: dir.to_owned() })
        }
        Err(source) => Err(SimulatorError::Io { path, source }),
    }
}
