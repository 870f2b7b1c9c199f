//! The simulated processor of a node: keys that are made once, stay on the node, and outlive all versions of the runtime.

use std::{fs, io, path::Path};

use contrast_attestation::simulated::{Processor, SimulatorError};

use crate::host::{Host, HostError};

/// Where its keys are on a node.
pub const FOLDER: &str = "/var/lib/contrast/simulated/processor";
/// One in the making.
const NEW: &str = "/var/lib/contrast/simulated/.processor-new";

/// Why a node has no processor.
#[derive(thiserror::Error, Debug)]
pub enum ProcessorError {
    /// The node.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Its keys cannot be made or read.
    #[error(
        "the node's simulated processor: {0}. If its files are damaged, remove {FOLDER} on the node: pods then need new reference values"
    )]
    Keys(#[from] SimulatorError),
}

/// The node's processor, made if there is none. One that is there is never changed.
///
/// # Errors
/// If it cannot be made, or is there and damaged.
pub fn provide(host: &Host) -> Result<Processor, ProcessorError> {
    let place = host.place(Path::new(FOLDER))?;
    if fs::symlink_metadata(&place.here).is_ok() {
        return Ok(Processor::open(&place.here)?);
    }
    let new = Path::new(NEW);
    // Of a run that was killed: nobody ever used it.
    host.remove_folder(new)?;
    if let Some(folder) = new.parent() {
        host.make_folder(folder)?;
    }
    let made = host.place(new)?;
    let processor = Processor::init(&made.here)?;
    let moved = fs::File::open(&made.here)
        .and_then(|folder| folder.sync_all())
        .and_then(|()| fs::rename(&made.here, &place.here))
        .and_then(|()| crate::host::sync_folder_of(&place.here));
    moved.map_err(|cause: io::Error| HostError { action: "make", path: FOLDER.into(), cause })?;
    Ok(processor)
}

/// Removes the keys, and the folders above them that are empty then.
///
/// # Errors
/// If they cannot be removed.
pub fn remove(host: &Host) -> Result<(), HostError> {
    host.remove_folder(Path::new(NEW))?;
    host.remove_folder(Path::new(FOLDER))?;
    for folder in ["/var/lib/contrast/simulated", "/var/lib/contrast"] {
        host.remove_if_empty(Path::new(folder));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_processor_is_made_once_for_root_only_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::new(folder.path());
        // What a killed run left.
        let half = folder.path().join(NEW.trim_start_matches('/'));
        fs::create_dir_all(&half).unwrap();
        fs::write(half.join("ark-key.der"), "half").unwrap();
        let made = provide(&host).unwrap();
        let keys = folder.path().join(FOLDER.trim_start_matches('/'));
        assert_eq!(fs::metadata(&keys).unwrap().mode() & 0o777, 0o700);
        assert_eq!(provide(&host).unwrap().root_digest(), made.root_digest());
        assert!(!half.exists());

        fs::write(keys.join("ark.der"), "damaged").unwrap();
        let said = provide(&host).err().unwrap().to_string();
        assert!(said.contains("remove /var/lib/contrast"), "{said}");
        remove(&host).unwrap();
        remove(&host).unwrap();
        assert!(!folder.path().join("var/lib/contrast").exists());
    }
}
