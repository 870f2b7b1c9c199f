//! Loop devices of a node. They are the machine's, and outlive the node.

use super::place::Place;
use crate::{failure::Failure, process};

/// Frees what the node attached and has not given back: only where device and inode of the backing file are still those that the
/// node noted (`tests/cluster/scripts/losetup`), so that nobody else's device is touched.
///
/// # Errors
/// When losetup cannot be started.
pub(super) fn free(place: &Place) -> Result<(), Failure> {
    let Ok(noted) = std::fs::read_to_string(place.path("volumes/attached")) else { return Ok(()) };
    let list = ["--list", "--noheadings", "--output", "NAME,BACK-INO,BACK-MAJ:MIN"];
    // kubelet puts a second device on the first one of each volume, later: it goes first.
    for line in noted.lines().rev() {
        let device: Vec<&str> = line.split_whitespace().collect();
        let Some(name) = device.first().filter(|name| name.starts_with("/dev/loop")) else { continue };
        let now = process::output(process::program("losetup").args(list)).unwrap_or_default();
        if now.lines().any(|current| current.split_whitespace().eq(device.iter().copied())) {
            // Waits for nobody: a device that is in use goes later.
            process::run(process::program("losetup").args(["--detach", name]))?;
        }
    }
    Ok(())
}
