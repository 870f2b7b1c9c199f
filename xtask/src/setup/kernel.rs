//! Kernels of Debian, for guests that tests boot.

use std::{fs, path::PathBuf};

use super::in_path;
use crate::{
    failure::{Failure, Obstacle},
    process, workspace,
};

/// Tests look for the kernel in `boot` of this folder, and for its modules in `lib/modules`.
pub(super) fn folder(package: &str) -> Result<PathBuf, Failure> {
    Ok(workspace::target()?.join("kernel").join(package))
}

/// Unpacks a kernel. `package` only depends on the kernel of the day.
pub(super) fn unpack(package: &'static str) -> Result<(), Failure> {
    println!("unpacking {package}");
    if !in_path("apt-get") {
        return Err(Failure::Packages { missing: vec![package], obstacle: Obstacle::NoApt });
    }
    let depends = process::output(process::program("apt-cache").args(["depends", package]))?;
    let image = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).next();
    let folder = folder(package)?;
    let new = folder.with_extension("new");
    // Whatever an interrupted attempt left is removed.
    if new.exists() {
        fs::remove_dir_all(&new).map_err(Failure::writing(&new))?;
    }
    fs::create_dir_all(&new).map_err(Failure::writing(&new))?;
    let image = image.unwrap_or(package);
    process::run(process::program("apt-get").current_dir(&new).args(["download", "--quiet", image]))?;
    for archive in workspace::list(&new)? {
        process::run(process::program("dpkg-deb").arg("--extract").args([&archive, &new]))?;
        fs::remove_file(&archive).map_err(Failure::writing(&archive))?;
    }
    fs::rename(&new, &folder).map_err(Failure::writing(&folder))
}
