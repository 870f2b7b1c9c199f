//! The block device that carries the state directory: formatted once, mounted at every start.
//!
//! Nothing is ever formatted but a device that is empty ([`Content::Empty`]), or one that an earlier start began to
//! format and did not come to the end of ([`Content::Unfinished`]); nothing is mounted but what was formatted here. The host owns
//! the device and can put there what it likes. That helps it no more than an empty disk would: what counts is sealed,
//! and a history that was replaced or cut is found out by whoever remembers it.

mod content;
mod error;
mod mounts;
mod signatures;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub use content::{Content, Found, inspect};
pub use error::StateDeviceError;
use mounts::Mount;
use rustix::{fs::OFlags, io::Errno, mount::MountFlags};

/// Label of the file systems that are made here, by which they are known again.
pub const LABEL: &str = "contrast-state";

/// Smallest device that is formatted, in bytes.
pub const SMALLEST: u64 = 16 << 20;

/// The program that makes file systems, where it may be: few users have the last two in their PATH.
const MKFS: [&str; 3] = ["mkfs.ext4", "/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"];

/// How a device came to be mounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mounted {
    /// It was before.
    Before,
    /// It held a file system that an earlier start had made.
    Again,
    /// It was empty, and has a file system now.
    FirstTime,
}

/// Mounts the file system of a block device on the directory `at`, which is made if it is missing; a device that is
/// empty gets one.
///
/// # Errors
/// When the device or the directory is of no use, holds something else, or the operating system refuses. What the
/// device holds is then as before, unless formatting had begun.
pub fn mount(device: &Path, at: &Path) -> Result<Mounted, StateDeviceError> {
    let number = device_number(device)?;
    let at = directory(at)?;
    let mounts = mounts::all().map_err(StateDeviceError::Mounts)?;
    match mounts.iter().rfind(|mount| mount.at == at) {
        Some(mount) if mount.is_whole(number) => return Ok(Mounted::Before),
        Some(mount) => return Err(StateDeviceError::Covered { at, by: mount.source.clone() }),
        None => {}
    }
    refuse_files(&at)?;
    let mounted = make_ready(device, number, &mounts)?;
    // Nothing on the disk is followed if it is a link, and nothing there is a program or a device.
    let flags = MountFlags::NOSUID
        | MountFlags::NODEV
        | MountFlags::NOEXEC
        | MountFlags::NOATIME
        | MountFlags::NOSYMFOLLOW;
    rustix::mount::mount(device, &at, "ext4", flags, c"errors=remount-ro").map_err(
        |source| match source {
            Errno::PERM => StateDeviceError::MayNotMount { device: device.to_owned() },
            Errno::ACCESS | Errno::ROFS => StateDeviceError::ReadOnly { device: device.to_owned() },
            source => StateDeviceError::Mount { device: device.to_owned(), at, source: source.into() },
        },
    )?;
    Ok(mounted)
}

/// Number of a block device.
fn device_number(device: &Path) -> Result<u64, StateDeviceError> {
    let metadata = fs::metadata(device).map_err(|source| match source.kind() {
        ErrorKind::NotFound => StateDeviceError::Missing { device: device.to_owned() },
        _ => failed(device, "look at")(source),
    })?;
    if metadata.file_type().is_block_device() {
        return Ok(metadata.rdev());
    }
    Err(StateDeviceError::NotBlockDevice { device: device.to_owned() })
}

/// The directory by its one absolute name, as the kernel lists it among the mounts.
fn directory(at: &Path) -> Result<PathBuf, StateDeviceError> {
    // An image may have no `/mnt`.
    fs::create_dir_all(at)
        .and_then(|()| fs::canonicalize(at))
        .map_err(|source| StateDeviceError::Directory { at: at.to_owned(), source })
}

/// What is in the directory would be hidden, a store of earlier starts without a device for example.
fn refuse_files(at: &Path) -> Result<(), StateDeviceError> {
    let unreadable = |source| StateDeviceError::Directory { at: at.to_owned(), source };
    match fs::read_dir(at).map_err(unreadable)?.next() {
        None => Ok(()),
        Some(entry) => {
            let found = entry.map_err(unreadable)?.file_name().into();
            Err(StateDeviceError::NotEmpty { at: at.to_owned(), found })
        }
    }
}

/// Sees to it that the device holds a file system of ours.
fn make_ready(device: &Path, number: u64, mounts: &[Mount]) -> Result<Mounted, StateDeviceError> {
    let file = open_alone(device, number, mounts)?;
    let (content, size) = look(device, &file)?;
    match content {
        Content::Ours => Ok(Mounted::Again),
        Content::Foreign(found) => Err(StateDeviceError::Foreign { device: device.to_owned(), found }),
        Content::Empty | Content::Unfinished if size < SMALLEST => {
            Err(StateDeviceError::TooSmall { device: device.to_owned(), size })
        }
        Content::Empty | Content::Unfinished => {
            content::begin(&file, size).map_err(failed(device, "write to"))?;
            // `mkfs.ext4` wants to be alone as well.
            drop(file);
            format(device)?;
            let file = open_alone(device, number, mounts)?;
            if !content::finish(&file, size).map_err(failed(device, "write to"))? {
                return Err(StateDeviceError::NotFormatted { device: device.to_owned() });
            }
            Ok(Mounted::FirstTime)
        }
    }
}

/// Opens the device unless anybody has mounted it, or opened it to be alone.
fn open_alone(device: &Path, number: u64, mounts: &[Mount]) -> Result<File, StateDeviceError> {
    let alone = i32::try_from(OFlags::EXCL.bits()).unwrap_or_default();
    OpenOptions::new().read(true).write(true).custom_flags(alone).open(device).map_err(|source| {
        if source.kind() == ErrorKind::ResourceBusy {
            let at = mounts.iter().find(|mount| mount.device == number).map(|mount| mount.at.clone());
            return StateDeviceError::InUse { device: device.to_owned(), at };
        }
        failed(device, "open")(source)
    })
}

fn look(device: &Path, file: &File) -> Result<(Content, u64), StateDeviceError> {
    let look = || {
        let size = content::size(file)?;
        Ok((inspect(file, size)?, size))
    };
    look().map_err(failed(device, "read"))
}

/// Makes the file system. Nothing is discarded, so that what [`content::begin`] wrote stays.
fn format(device: &Path) -> Result<(), StateDeviceError> {
    let arguments = ["-q", "-F", "-L", LABEL, "-b", "4096", "-m", "0", "-e", "remount-ro", "-E", "nodiscard"];
    let run = |mkfs: &&str| match Command::new(mkfs).args(arguments).arg(device).stdin(Stdio::null()).output()
    {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        output => Some(output),
    };
    let output = MKFS.iter().find_map(run).ok_or(StateDeviceError::NoProgram)?;
    let output = output.map_err(|source| StateDeviceError::Program { source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().escape_debug().to_string();
    Err(StateDeviceError::Format { device: device.to_owned(), status: output.status, said })
}

fn failed(device: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> StateDeviceError {
    move |source| StateDeviceError::Device { device: device.to_owned(), doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_stays_while_a_file_system_of_any_size_is_made_and_was_nowhere_in_its_way() {
        const MIB: u64 = 1 << 20;
        const GROUP: u64 = 128 * MIB;
        // A group at the end that is just large enough, or just not.
        let small_groups = [50, 51, 55, 60, 100, 300, 330].map(|blocks| GROUP + blocks * 4096);
        let odd =
            [SMALLEST, SMALLEST + 512, 20 * MIB + 65_024, 64 * MIB, GROUP, 2 * GROUP + 200_704, 10 << 30];
        for size in odd.into_iter().chain(small_groups) {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(size).unwrap();
            content::begin(file.as_file(), size).unwrap();
            format(file.path()).unwrap();
            assert_eq!(inspect(file.as_file(), size).unwrap(), Content::Unfinished, "{size} bytes");
            assert!(content::finish(file.as_file(), size).unwrap());
            assert_eq!(inspect(file.as_file(), size).unwrap(), Content::Ours, "{size} bytes");
            let mut check = Command::new("e2fsck");
            let status = check
                .args(["-f", "-n"])
                .arg(file.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert!(status.success(), "{size} bytes");
        }
    }
}
