//! Debian packages that are unpacked and not installed: kernels for guests that tests boot, and what would be in the way of a machine's
//! own programs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::in_path;
use crate::{
    failure::{Failure, Obstacle},
    process, workspace,
};

/// Tests look for a kernel in `boot` of this folder, and for its modules in `lib/modules`.
pub(super) fn kernel(package: &str) -> Result<PathBuf, Failure> {
    Ok(workspace::target()?.join("kernel").join(package))
}

/// The root below which the files of an unpacked package are.
///
/// # Errors
/// When the build folder cannot be found out.
pub(crate) fn unpacked(package: &str) -> Result<PathBuf, Failure> {
    Ok(workspace::target()?.join("debian").join(package))
}

/// Unpacks a kernel. `package` only depends on the kernel of the day.
pub(super) fn unpack_kernel(package: &'static str) -> Result<(), Failure> {
    require_apt(package)?;
    let depends = process::output(process::program("apt-cache").args(["depends", package]))?;
    let image = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).next();
    unpack_into(image.unwrap_or(package), &kernel(package)?)
}

/// Unpacks a package where [`unpacked`] says.
pub(super) fn unpack(package: &'static str) -> Result<(), Failure> {
    require_apt(package)?;
    unpack_into(package, &unpacked(package)?)
}

fn require_apt(package: &'static str) -> Result<(), Failure> {
    println!("unpacking {package}");
    if in_path("apt-get") {
        return Ok(());
    }
    Err(Failure::Packages { missing: vec![package], obstacle: Obstacle::NoApt })
}

fn unpack_into(package: &str, folder: &Path) -> Result<(), Failure> {
    let new = folder.with_extension("new");
    // Whatever an interrupted attempt left is removed.
    if new.exists() {
        fs::remove_dir_all(&new).map_err(Failure::writing(&new))?;
    }
    fs::create_dir_all(&new).map_err(Failure::writing(&new))?;
    process::run(process::program("apt-get").current_dir(&new).args(["download", "--quiet", package]))?;
    for archive in workspace::list(&new)? {
        process::run(process::program("dpkg-deb").arg("--extract").args([&archive, &new]))?;
        fs::remove_file(&archive).map_err(Failure::writing(&archive))?;
    }
    fs::rename(&new, folder).map_err(Failure::writing(folder))
}
