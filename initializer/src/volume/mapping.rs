//! The decrypted device: made, removed and looked at.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::fs::{CWD, FileType, Mode, major, makedev, minor, mknodat};

use super::{
    header::{Header, printable},
    program::{self, ProgramError},
};

const CRYPTSETUP: &str = "cryptsetup";
/// `cryptsetup`'s exit statuses.
const NO_PERMISSION: i32 = 2;
const NO_DEVICE: i32 = 4;
const IN_USE: i32 = 5;

/// A device that the kernel encrypts and decrypts, of one volume.
pub(super) struct Mapping {
    name: String,
}

/// Why there is no decrypted device.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// `cryptsetup` failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The passphrase is not that of the header.
    #[error(
        "the workload secret does not open the volume; it was formatted with another one: by a pod with another workload secret ID, or of another deployment"
    )]
    OtherSecret,
    /// The kernel cannot be asked.
    #[error("cannot see what the kernel has made of the volume: {path}: {cause}")]
    Unknown {
        /// What cannot be read.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The kernel has another device there.
    #[error("the opened volume is not as its header says: {member} has to be `{expected}`, and is `{found}`")]
    NotAsChecked {
        /// What is wrong.
        member: &'static str,
        /// What it has to be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl Mapping {
    /// That of a device and a mount point: named by 8 bytes of a SHA-256 over both paths.
    pub(super) fn of(device: &Path, mount_point: &Path) -> Self {
        let paths = [device.as_os_str().as_bytes(), mount_point.as_os_str().as_bytes()].concat();
        let name = hex::encode(digest(&SHA256, &paths).as_ref().iter().take(8).copied().collect::<Vec<_>>());
        Self { name }
    }

    /// The name, which is that of the device in `/dev/mapper`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The decrypted device.
    pub(super) fn path(&self) -> PathBuf {
        Path::new("/dev/mapper").join(&self.name)
    }

    /// Formats `device`: everything but the header goes there. The header is the new file `header`.
    pub(super) async fn format(device: &Path, header: &Path, key: &Path) -> Result<(), MappingError> {
        let sectors = (super::header::DATA_OFFSET / 512).to_string();
        let mut arguments: Vec<OsString> = [
            "luksFormat",
            "--type=luks2",
            "--cipher=aes-xts-plain64",
            "--sector-size=4096",
            "--pbkdf=argon2id",
            "--pbkdf-memory=10240",
            "--integrity=hmac-sha256",
            "--integrity-no-wipe",
            "--batch-mode",
        ]
        .map(OsString::from)
        .into();
        arguments.extend([
            joined("--offset=", sectors),
            joined("--header=", header),
            joined("--key-file=", key),
        ]);
        arguments.push(device.into());
        program::run(CRYPTSETUP, &arguments).await?;
        Ok(())
    }

    /// Makes the decrypted device of `device` by the file `header`, which was checked.
    pub(super) async fn open(&self, device: &Path, header: &Path, key: &Path) -> Result<(), MappingError> {
        let arguments = [
            "luksOpen".into(),
            joined("--header=", header),
            joined("--key-file=", key),
            device.into(),
            self.name.clone().into(),
        ];
        match program::run(CRYPTSETUP, &arguments).await {
            Ok(_) => Ok(()),
            Err(error) if error.has_status(NO_PERMISSION) => Err(MappingError::OtherSecret),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the decrypted device, if there is one, and what a killed `cryptsetup` has left on `device`. Gives whether there is none now:
    /// one that is in use stays.
    pub(super) async fn close(&self, device: &Path) -> Result<bool, MappingError> {
        if !close(&self.name).await? {
            return Ok(false);
        }
        for name in names_above(device)? {
            if name == format!("{}_dif", self.name) || name.starts_with("temporary-cryptsetup-") {
                close(&name).await?;
            }
        }
        Ok(true)
    }

    /// Makes the node of the decrypted device where it is missing: it was made in the folder of a container that is gone.
    pub(super) fn make_node(&self) -> Result<(), MappingError> {
        let path = self.path();
        if path.exists() {
            return Ok(());
        }
        let folder = Path::new("/sys/class/block");
        for device in entries(folder)? {
            // Most devices are no mappings.
            if fs::read_to_string(device.join("dm/name")).is_ok_and(|name| name.trim_end() == self.name) {
                let number = number_of(&device)?;
                return mknodat(CWD, &path, FileType::BlockDevice, Mode::RUSR | Mode::WUSR, number)
                    .map_err(|cause| unknown(&path)(cause.into()));
            }
        }
        Err(unknown(folder)(io::Error::other("there is no such mapping")))
    }

    /// Holds what the kernel has opened against what was checked: `header`, in the file `file`, of the device with this number.
    pub(super) async fn check(&self, header: &Header, file: &Path, device: u64) -> Result<(), MappingError> {
        let arguments = ["status".into(), joined("--header=", file), OsString::from(&self.name)];
        let status = program::run(CRYPTSETUP, &arguments).await?;
        for (member, expected) in [
            ("type", "LUKS2"),
            ("cipher", "aes-xts-plain64"),
            ("keysize", "768 bits"),
            ("integrity", "hmac(sha256)"),
            ("sector size", "4096"),
            ("mode", "read/write"),
        ] {
            demand(member, expected, value(&status, member))?;
        }
        let number = rdev(&self.path())?;
        let uuid = format!("CRYPT-LUKS2-{}-{}", header.uuid.replace('-', ""), self.name);
        demand("identifier", &uuid, &read(&sysfs(number).join("dm/uuid"))?)?;
        let disks = disks_below(number)?;
        let disks: Vec<_> = disks.iter().map(|disk| format!("{}:{}", major(*disk), minor(*disk))).collect();
        demand("disk", &format!("{}:{}", major(device), minor(device)), &disks.join(", "))
    }
}

/// Gives whether there is none of this name any more.
async fn close(name: &str) -> Result<bool, MappingError> {
    match program::run(CRYPTSETUP, &["close", name]).await {
        Ok(_) => Ok(true),
        Err(error) if error.has_status(NO_DEVICE) => Ok(true),
        Err(error) if error.has_status(IN_USE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn demand(member: &'static str, expected: &str, found: &str) -> Result<(), MappingError> {
    if found == expected {
        return Ok(());
    }
    Err(MappingError::NotAsChecked { member, expected: expected.to_owned(), found: printable(found) })
}

/// The value of `member` in what `cryptsetup status` prints; empty if it is not there.
fn value<'a>(status: &'a str, member: &str) -> &'a str {
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| name.trim() == member).map_or("", |(_, value)| value.trim())
}

/// The numbers of the devices at the bottom, below a decrypted device and the one that keeps its integrity tags.
fn disks_below(number: u64) -> Result<Vec<u64>, MappingError> {
    const STOREYS: usize = 2;
    let mut storey = vec![number];
    for _ in 0..STOREYS {
        let mut below = Vec::new();
        for device in storey {
            for path in entries(&sysfs(device).join("slaves"))? {
                below.push(number_of(&path)?);
            }
        }
        storey = below;
    }
    Ok(storey)
}

/// The number of a device, by its folder in sysfs.
fn number_of(folder: &Path) -> Result<u64, MappingError> {
    let path = folder.join("dev");
    let text = read(&path)?;
    let number = text
        .split_once(':')
        .and_then(|(major, minor)| Some(makedev(major.parse().ok()?, minor.parse().ok()?)));
    number.ok_or_else(|| unknown(&path)(io::Error::other("there is no number of a device")))
}

/// The names of mappings that are directly on `device`.
fn names_above(device: &Path) -> Result<Vec<String>, MappingError> {
    let holders = entries(&sysfs(rdev(device)?).join("holders"))?;
    holders.iter().map(|holder| read(&holder.join("dm/name"))).collect()
}

/// What the kernel says in a file, which is a line.
fn read(path: &Path) -> Result<String, MappingError> {
    let text = fs::read_to_string(path).map_err(unknown(path))?;
    Ok(text.trim_end().to_owned())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, MappingError> {
    let entries = fs::read_dir(folder).map_err(unknown(folder))?;
    entries.map(|entry| Ok(entry.map_err(unknown(folder))?.path())).collect()
}

fn sysfs(number: u64) -> PathBuf {
    Path::new("/sys/dev/block").join(format!("{}:{}", major(number), minor(number)))
}

fn rdev(path: &Path) -> Result<u64, MappingError> {
    Ok(fs::metadata(path).map_err(unknown(path))?.rdev())
}

fn unknown(path: &Path) -> impl FnOnce(io::Error) -> MappingError {
    let path = path.to_owned();
    move |cause| MappingError::Unknown { path, cause }
}

fn joined(option: &str, value: impl AsRef<OsStr>) -> OsString {
    let mut joined = OsString::from(option);
    joined.push(value);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_every_other_program_that_opens_the_volume() {
        assert_eq!(Mapping::of("/dev/csi0".as_ref(), "/state".as_ref()).name(), "7bfcd783e98dd63a");
    }

    #[test]
    fn values_are_found_in_what_is_printed() {
        let status = "/dev/mapper/x is active and is in use.\n  type:    LUKS2\n  integrity: hmac(sha256)\n  \
            integrity keysize: 256 bits\n  sector size:  4096\n";
        assert_eq!(value(status, "type"), "LUKS2");
        assert_eq!(value(status, "integrity"), "hmac(sha256)");
        assert_eq!(value(status, "sector size"), "4096");
        assert_eq!(value(status, "cipher"), "");
        let refusal = demand("cipher", "aes-xts-plain64", value(status, "cipher")).unwrap_err().to_string();
        assert!(refusal.contains("cipher has to be `aes-xts-plain64`, and is ``"), "{refusal}");
    }
}
