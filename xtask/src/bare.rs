//! A bare root: Debian's smallest system, a C compiler, git and a Rust toolchain, and nothing of this machine.
//!
//! What comes in is copied: the repository, the Rust toolchain, the captures beside the repository, the crates that
//! were downloaded already, and how the package clients of this machine reach their registries. The root runs in a mount
//! and a process namespace of its own; both end, with everything in them, when this program ends in whatever way.

mod apt;
mod base;
mod copies;
mod room;

use std::{
    env, fmt, fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use room::Room;

use crate::{failure::Failure, process, setup, workspace};

/// Why there can be no bare root here.
pub(crate) enum Obstacle {
    NotRoot,
    NoNamespaces,
    NoApt,
}

/// What keeps this machine from making a bare root, if anything.
pub(crate) fn obstacle() -> Option<Obstacle> {
    // The owner of a process's folder is its effective user.
    if !fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0) {
        return Some(Obstacle::NotRoot);
    }
    if apt::codename().is_none() || !setup::in_path("apt-get") {
        return Some(Obstacle::NoApt);
    }
    let mut probe = apart();
    probe.arg("true").stdout(Stdio::null()).stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) { None } else { Some(Obstacle::NoNamespaces) }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRoot => "only root can make one",
            Self::NoNamespaces => "this root may not make mount and process namespaces (CAP_SYS_ADMIN)",
            Self::NoApt => "this is neither Debian nor Ubuntu",
        })
    }
}

/// A bare root that is ready for use.
pub(crate) struct Bare {
    room: Room,
}

/// Where the repository lies in the root.
const REPOSITORY: &str = "/src/contrast";

/// What is told to programs in the root of the environment of this one: how registries are reached.
const TOLD: [&str; 9] = [
    "CI",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "PIP_INDEX_URL",
    "PIP_DEFAULT_TIMEOUT",
];

/// Becomes process 1 of the root whose folder is its first argument, and runs the rest as a command there.
///
/// The old root is unmounted, so that nothing of the machine is left in sight. The shell stays, to wait for orphans.
const ENTER: &str = r#"
set -eu
cd "$1"; shift
mount --bind . . # a root must be a mount point
cd "$PWD"
mount -t proc proc proc
# The kernel's own folder, with the control groups that containers are put into.
mount --rbind /sys sys
# The kernel's loop devices, which are nobody's files.
[ -e dev/loop-control ] || mknod -m 660 dev/loop-control c 10 237
for n in $(seq 0 63); do [ -e "dev/loop$n" ] || mknod -m 660 "dev/loop$n" b 7 "$n"; done
pivot_root . mnt
cd /
umount --lazy /mnt
cd "$1"; shift
"$@" || exit $?
exit 0
"#;

impl Bare {
    /// Makes the root; the note says from what.
    ///
    /// # Errors
    /// When packages cannot be fetched, or there is no room.
    pub(crate) fn make() -> Result<(Self, String), Failure> {
        let cache = cache_folder();
        let room = Room::new(&cache)?;
        let note = base::lay(room.path(), &cache.join("base"))?;
        copies::bring(room.path(), REPOSITORY)?;
        Ok((Self { room }, note))
    }

    /// `cargo xtask COMMAND` in the root.
    pub(crate) fn command(&self, command: &str) -> Command {
        let mut inside = apart();
        inside.args(["sh", "-c", ENTER, "sh"]).arg(self.room.path()).arg(REPOSITORY);
        inside.args(["env", "--ignore-environment", "HOME=/root", "CARGO_INCREMENTAL=0"]);
        inside.arg(format!(
            "PATH={}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            copies::RUST
        ));
        for (name, value) in TOLD.iter().filter_map(|name| Some((name, env::var(name).ok()?))) {
            inside.arg(format!("{name}={value}"));
        }
        inside.args(["cargo", "xtask", command]);
        inside
    }

    /// Keeps on this machine the programs that were built in the root because no registry has them ready.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub(crate) fn keep_tools(&self) -> Result<String, Failure> {
        copies::keep_tools(&self.room.path().join("root/.cache"))
    }

    /// Removes the root.
    ///
    /// # Errors
    /// When something is left of it.
    pub(crate) fn remove(self) -> Result<(), Failure> {
        self.room.remove()
    }
}

/// A command in a mount and a process namespace of its own, which are killed when this program ends.
fn apart() -> Command {
    let mut command = process::program("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    command.args(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command
}

/// On a disk, unlike the temporary folder of some machines: a root with everything built in it has some gigabytes.
fn cache_folder() -> PathBuf {
    workspace::caches().join("contrast-bare-root")
}
