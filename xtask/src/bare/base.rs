//! The system itself, made by `debootstrap` and kept for later runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    apart,
    apt::{self, Archives},
};
use crate::{failure::Failure, process, setup, workspace};

/// Beside the smallest system. The README asks for a C compiler and a Rust toolchain; git and certificates are how
/// the repository and the toolchain come to such a system.
const PACKAGES: [&str; 4] = ["gcc", "libc6-dev", "git", "ca-certificates"];

/// A kept system is made anew in the next week, so that it does not stay behind the archives for long.
const DAYS_KEPT: u64 = 7;

/// Fills `root` with the system, from `cache` if it is there; the note says which.
///
/// # Errors
/// When it cannot be made, or there is no room.
pub(super) fn lay(root: &Path, cache: &Path) -> Result<String, Failure> {
    let codename = apt::codename().ok_or_else(|| Failure::NoArchive { codename: String::new() })?;
    let days = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
    let name = format!("{codename}-{}-{}", PACKAGES.join("-"), days / DAYS_KEPT);
    let kept = Kept {
        archive: cache.join(&name).with_extension("tar"),
        sum: cache.join(&name).with_extension("sha256"),
    };
    if kept.is_whole() {
        process::run(process::program("tar").arg("-xf").arg(&kept.archive).arg("-C").arg(root))?;
        return Ok(format!("{codename}, kept from an earlier run"));
    }
    make(root, &codename)?;
    kept.replace_all(cache, root)?;
    Ok(format!("{codename}, made anew"))
}

fn make(root: &Path, codename: &str) -> Result<(), Failure> {
    setup::provide(setup::BARE_ROOT)?;
    let archives = Archives::of_this_machine(codename)?;
    let mut command = apart();
    command.args(["debootstrap", "--variant=minbase"]).arg(format!("--include={}", PACKAGES.join(",")));
    // One line for each package is too much.
    process::run(command.arg(codename).arg(root).arg(&archives.mirror).stdout(Stdio::null()))?;
    workspace::write(&root.join("etc/apt/sources.list"), &archives.sources)?;
    workspace::write(&root.join("etc/apt/apt.conf.d/fetching"), &apt::fetching()?)?;
    // What was downloaded is installed now.
    process::run(process::program("rm").arg("-rf").arg(root.join("var/cache/apt/archives")))
}

/// A system in the cache.
struct Kept {
    archive: PathBuf,
    /// The digest of the archive as `sha256sum` writes it. Made last, so an archive without it is not whole.
    sum: PathBuf,
}

impl Kept {
    fn is_whole(&self) -> bool {
        let mut command = process::program("sha256sum");
        command.args(["--check", "--status"]).arg(&self.sum);
        self.sum.exists() && command.status().is_ok_and(|status| status.success())
    }

    /// Keeps `root`, and nothing that was kept before.
    fn replace_all(&self, cache: &Path, root: &Path) -> Result<(), Failure> {
        if cache.exists() {
            fs::remove_dir_all(cache).map_err(Failure::writing(cache))?;
        }
        fs::create_dir_all(cache).map_err(Failure::writing(cache))?;
        process::run(process::program("tar").arg("-cf").arg(&self.archive).arg("-C").arg(root).arg("."))?;
        let sum = process::output(process::program("sha256sum").arg(&self.archive))?;
        workspace::write(&self.sum, &sum)
    }
}
