//! Why a device does not become the state directory, each with what to do next.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use super::{Found, SMALLEST};

/// Why the state device is not mounted.
#[derive(Debug, thiserror::Error)]
pub enum StateDeviceError {
    /// There is nothing of this name.
    #[error(
        "there is no state device {device}; give the pod a block volume, with this path under `volumeDevices`"
    )]
    Missing {
        /// Path of the device.
        device: PathBuf,
    },
    /// It is a file, a directory, or another kind of device.
    #[error(
        "the state device {device} is not a block device; give the pod a volume with `volumeMode: Block`, or leave \
         --state-device out and mount a file system on the state directory"
    )]
    NotBlockDevice {
        /// Path of the device.
        device: PathBuf,
    },
    /// There is no room for a file system.
    #[error(
        "the state device {device} has {size} bytes, and needs {SMALLEST} at least; give it a larger volume"
    )]
    TooSmall {
        /// Path of the device.
        device: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// It holds something that nobody may lose.
    #[error(
        "the state device {device} holds {found}, so it was left as it is: only a device whose first and last MiB are \
         zero is formatted; give it an empty volume, or fill this one with zeroes if nobody needs what is on it"
    )]
    Foreign {
        /// Path of the device.
        device: PathBuf,
        /// What it holds.
        found: Found,
    },
    /// Somebody else uses it.
    #[error("the state device {device} is in use{}; end what uses it first", mounted(at.as_deref()))]
    InUse {
        /// Path of the device.
        device: PathBuf,
        /// Where it is mounted, if it is.
        at: Option<PathBuf>,
    },
    /// Something else is mounted on the directory.
    #[error(
        "{by} is mounted on the state directory {at} already; unmount it, or leave --state-device out to use it"
    )]
    Covered {
        /// The state directory.
        at: PathBuf,
        /// What is mounted there, as the kernel calls it.
        by: String,
    },
    /// A mount would hide what is in the directory.
    #[error(
        "the state directory {at} holds files ({found} for example), which the state device would hide; choose an \
         empty directory with --state-dir, or leave --state-device out to use what is there"
    )]
    NotEmpty {
        /// The state directory.
        at: PathBuf,
        /// Name of an entry.
        found: PathBuf,
    },
    /// The directory cannot be made or read.
    #[error("the state directory {at} cannot be used ({source}); choose another one with --state-dir")]
    Directory {
        /// The state directory.
        at: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The device itself fails.
    #[error(
        "cannot {doing} the state device {device} ({source}); check that the volume is healthy and writable"
    )]
    Device {
        /// Path of the device.
        device: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no `mkfs.ext4`.
    #[error(
        "there is no program `mkfs.ext4` to format the state device with; use the Coordinator's own image, or install \
         e2fsprogs where PATH leads"
    )]
    NoProgram,
    /// `mkfs.ext4` cannot be started.
    #[error("`mkfs.ext4` cannot be started ({source}); use the Coordinator's own image")]
    Program {
        /// What the operating system said.
        source: io::Error,
    },
    /// `mkfs.ext4` gave up.
    #[error(
        "`mkfs.ext4` could not format the state device {device} ({status}): {said}; check that the volume is healthy, \
         and start again"
    )]
    Format {
        /// Path of the device.
        device: PathBuf,
        /// How the program ended.
        status: ExitStatus,
        /// What it printed.
        said: String,
    },
    /// `mkfs.ext4` is content, but what it wrote is not there.
    #[error(
        "the state device {device} does not hold the file system that was just made on it; check that the volume is \
         healthy, and start again"
    )]
    NotFormatted {
        /// Path of the device.
        device: PathBuf,
    },
    /// The process lacks the capability.
    #[error(
        "the state device {device} cannot be mounted, because that takes the capability SYS_ADMIN; add it to the \
         container's securityContext"
    )]
    MayNotMount {
        /// Path of the device.
        device: PathBuf,
    },
    /// It can only be read.
    #[error("the state device {device} is read-only; attach the volume writable")]
    ReadOnly {
        /// Path of the device.
        device: PathBuf,
    },
    /// The kernel refuses the file system.
    #[error(
        "the state device {device} cannot be mounted on {at} ({source}); if the kernel says that it is damaged, repair it \
         with `e2fsck`, or restore the volume from a backup"
    )]
    Mount {
        /// Path of the device.
        device: PathBuf,
        /// The state directory.
        at: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The kernel does not tell what is mounted.
    #[error("cannot read what is mounted from /proc/self/mountinfo ({0}); mount /proc")]
    Mounts(io::Error),
}

fn mounted(at: Option<&Path>) -> String {
    at.map(|at| format!(", mounted on {}", at.display())).unwrap_or_default()
}
