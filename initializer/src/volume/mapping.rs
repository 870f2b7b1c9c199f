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
    #[error("the kernel has not opened what was checked: {member} has to be `{expected}`, and is `{found}`")]
    NotAsChecked {
        /// Which device.
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
            if name == self.name_of_tagged() || name.starts_with("temporary-cryptsetup-") {
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

    /// Holds what the kernel has opened against what was checked: the volume of this header, with integrity tags, on the disk with this
    /// number.
    pub(super) fn check(&self, header: &Header, disk: u64) -> Result<(), MappingError> {
        let uuid = header.uuid.replace('-', "");
        let decrypted = sysfs(rdev(&self.path())?);
        let expected = format!("CRYPT-LUKS2-{uuid}-{}", self.name);
        demand("the decrypted device", &expected, &read(&decrypted.join("dm/uuid"))?)?;
        let tagged = below(&decrypted)?;
        let expected = format!("CRYPT-INTEGRITY-{uuid}-{}", self.name_of_tagged());
        demand("the device below", &expected, &read(&tagged.join("dm/uuid"))?)?;
        let disk = format!("{}:{}", major(disk), minor(disk));
        demand("the disk", &disk, &read(&below(&tagged)?.join("dev"))?)
    }

    /// The name of the device that keeps integrity tags.
    fn name_of_tagged(&self) -> String {
        format!("{}_dif", self.name)
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

/// The folder of the one device that the one with this folder is on.
fn below(folder: &Path) -> Result<PathBuf, MappingError> {
    let folder = folder.join("slaves");
    match <[PathBuf; 1]>::try_from(entries(&folder)?) {
        Ok([device]) => Ok(device),
        Err(devices) => {
            Err(unknown(&folder)(io::Error::other(format!("there are {} devices", devices.len()))))
        }
    }
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
    fn another_device_is_named() {
        let refusal = demand("the disk", "254:0", "254:16").unwrap_err().to_string();
        assert!(refusal.contains("the disk has to be `254:0`, and is `254:16`"), "{refusal}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("slaves")).unwrap();
        let refusal = below(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains("there are 0 devices"), "{refusal}");
    }
}
