//! The block device of a volume: what is on it, and how a header gets there.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::header::{COPIES_LEN, FIRST_MAGIC, KEY_AREA_LEN};

/// The smallest device that can be formatted, in bytes: the header takes half of it.
pub const SMALLEST: u64 = 32 << 20;

/// What stands at the beginning of a device from the first step of formatting to the last.
const MARK: &[u8] = b"contrast: formatting has begun and is not finished; nothing is on this device\n";
/// As much of the beginning and of the end has to be zero on a device that holds nothing.
const EDGE: usize = 1 << 20;
/// What is written at once when the header comes into force. A sector of 512 bytes holds all of it that is not zero.
const COMMIT_LEN: usize = 4096;
/// The copies of the header and the encrypted key.
const HEADER_LEN: usize = COPIES_LEN + KEY_AREA_LEN;

/// A block device.
pub(super) struct Device {
    path: PathBuf,
    file: File,
    len: u64,
}

/// What is on a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Contents {
    /// Nothing: its edges are zero.
    Nothing,
    /// What is left of formatting that was cut off. Nobody has ever stored anything there.
    Unfinished,
    /// An encrypted volume, whatever its header says.
    Volume,
    /// Something else.
    Other(&'static str),
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// It cannot be read or written.
    #[error("cannot {action} the device {}: {cause}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The device.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// It is something else.
    #[error("{} is no block device; the volume needs `volumeMode: Block`, and the container `volumeDevices`", .0.display())]
    Other(PathBuf),
    /// It is too small.
    #[error("the device {} has {len} bytes; an encrypted volume needs {SMALLEST} at least", path.display())]
    TooSmall {
        /// The device.
        path: PathBuf,
        /// Its length.
        len: u64,
    },
}

impl Device {
    /// Opens a device for reading and writing.
    ///
    /// # Errors
    /// See [`DeviceError`].
    pub(super) fn open(path: &Path) -> Result<Self, DeviceError> {
        let failed = |cause| DeviceError::Io { action: "open", path: path.to_owned(), cause };
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.file_type().is_block_device() {
            return Err(DeviceError::Other(path.to_owned()));
        }
        let len = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Self { path: path.to_owned(), file, len }.of_use()
    }

    fn of_use(self) -> Result<Self, DeviceError> {
        if self.len < SMALLEST {
            return Err(DeviceError::TooSmall { path: self.path, len: self.len });
        }
        Ok(self)
    }

    /// The number that the kernel knows the device by.
    pub(super) fn number(&self) -> Result<u64, DeviceError> {
        Ok(self.file.metadata().map_err(|cause| self.failed("look at", cause))?.rdev())
    }

    /// What is on it.
    pub(super) fn contents(&self) -> Result<Contents, DeviceError> {
        let beginning = self.read(0, EDGE)?;
        if beginning.starts_with(FIRST_MAGIC) {
            return Ok(Contents::Volume);
        }
        if beginning.starts_with(MARK) {
            return Ok(Contents::Unfinished);
        }
        let end = self.read(self.len.saturating_sub(EDGE as u64), EDGE)?;
        Ok(match (is_zero(&beginning), is_zero(&end)) {
            (true, true) => Contents::Nothing,
            (true, false) => Contents::Other("something at its end"),
            (false, _) => Contents::Other(name_of(&beginning)),
        })
    }

    /// The header with the encrypted key.
    pub(super) fn header(&self) -> Result<Vec<u8>, DeviceError> {
        self.read(0, HEADER_LEN)
    }

    /// Says on the device that formatting has begun.
    pub(super) fn mark(&self) -> Result<(), DeviceError> {
        let mut block = MARK.to_vec();
        block.resize(COMMIT_LEN, 0);
        self.write(0, &block)
    }

    /// Puts a header in force: everything but its first sector, and that alone at last. Whenever this is cut off, the device has the mark
    /// or the whole header.
    pub(super) fn commit(&self, header: &[u8]) -> Result<(), DeviceError> {
        steps(header).into_iter().try_for_each(|(offset, bytes)| self.write(offset, bytes))
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, DeviceError> {
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, offset).map_err(|cause| self.failed("read", cause))?;
        Ok(bytes)
    }

    /// Durable on return.
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let written = self.file.write_all_at(bytes, offset).and_then(|()| self.file.sync_all());
        written.map_err(|cause| self.failed("write", cause))
    }

    fn failed(&self, action: &'static str, cause: io::Error) -> DeviceError {
        DeviceError::Io { action, path: self.path.clone(), cause }
    }
}

/// What is written where to put a header in force, in this order.
fn steps(header: &[u8]) -> [(u64, &[u8]); 2] {
    let header = header.get(..HEADER_LEN).unwrap_or(header);
    let (first, rest) = header.split_at_checked(COMMIT_LEN).unwrap_or((header, &[]));
    [(COMMIT_LEN as u64, rest), (0, first)]
}

/// The header with the encrypted key, as it is in a file.
pub(super) fn read_header(file: &mut File) -> io::Result<Vec<u8>> {
    let mut header = vec![0; HEADER_LEN];
    file.read_exact(&mut header)?;
    Ok(header)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// What a device probably holds that begins so. The last are the least certain.
fn name_of(beginning: &[u8]) -> &'static str {
    const SIGNS: [(usize, &[u8], &str); 8] = [
        (16 << 10, b"SKUL\xba\xbe", "an encrypted volume whose first header was overwritten"),
        (1080, b"\x53\xef", "an ext2, ext3 or ext4 file system"),
        (0, b"XFSB", "an XFS file system"),
        (64 << 10 | 0x40, b"_BHRfS_M", "a Btrfs file system"),
        (4086, b"SWAPSPACE2", "swapped memory"),
        (536, b"LVM2 001", "a physical volume of LVM"),
        (512, b"EFI PART", "partitions (GPT)"),
        (510, b"\x55\xaa", "partitions (MBR) or a boot sector"),
    ];
    let has = |offset: usize, sign: &[u8]| beginning.get(offset..).is_some_and(|rest| rest.starts_with(sign));
    SIGNS.iter().find(|(offset, sign, _)| has(*offset, sign)).map_or("something unknown", |(_, _, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in place of a device: zeros, and these bytes at these places.
    fn device(bytes: &[(u64, &[u8])]) -> Device {
        let file = tempfile::tempfile().unwrap();
        file.set_len(SMALLEST).unwrap();
        for (offset, bytes) in bytes {
            file.write_all_at(bytes, *offset).unwrap();
        }
        Device { path: "/dev/x".into(), file, len: SMALLEST }
    }

    fn contents(bytes: &[(u64, &[u8])]) -> Contents {
        device(bytes).contents().unwrap()
    }

    #[test]
    fn only_a_device_with_zeros_at_its_edges_holds_nothing() {
        assert_eq!(contents(&[]), Contents::Nothing);
        assert_eq!(contents(&[(EDGE as u64, b"x"), (SMALLEST - EDGE as u64 - 1, b"x")]), Contents::Nothing);
        let unknown = Contents::Other("something unknown");
        assert_eq!(contents(&[(0, b"x")]), unknown);
        assert_eq!(contents(&[(EDGE as u64 - 1, b"x")]), unknown);
        for offset in [SMALLEST - 1, SMALLEST - EDGE as u64] {
            assert_eq!(contents(&[(offset, b"x")]), Contents::Other("something at its end"));
        }
    }

    #[test]
    fn what_is_known_is_named() {
        for (offset, sign, expected) in [
            (0, &b"LUKS\xba\xbe\0\x01"[..], Contents::Volume),
            (0, MARK, Contents::Unfinished),
            (
                16 << 10,
                b"SKUL\xba\xbe",
                Contents::Other("an encrypted volume whose first header was overwritten"),
            ),
            (1080, b"\x53\xef", Contents::Other("an ext2, ext3 or ext4 file system")),
            (510, b"\x55\xaa", Contents::Other("partitions (MBR) or a boot sector")),
            (512, b"EFI PART", Contents::Other("partitions (GPT)")),
        ] {
            assert_eq!(contents(&[(offset, sign)]), expected);
        }
    }

    #[test]
    fn a_header_that_is_cut_off_anywhere_leaves_the_mark() {
        const SECTOR: usize = 512;
        let mut header = vec![7; HEADER_LEN];
        header[..FIRST_MAGIC.len()].copy_from_slice(FIRST_MAGIC);
        // As in a header.
        header[SECTOR..COMMIT_LEN].fill(0);
        let device = device(&[(HEADER_LEN as u64, b"of an earlier attempt")]);
        device.mark().unwrap();
        for (offset, bytes) in steps(&header) {
            for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                assert_eq!(device.contents().unwrap(), Contents::Unfinished, "{offset} {index}");
                device.file.write_all_at(sector, offset + (index * SECTOR) as u64).unwrap();
                if offset == 0 {
                    break;
                }
            }
        }
        assert_eq!(device.contents().unwrap(), Contents::Volume);
        assert!(device.header().unwrap() == header, "all of it");
        device.mark().unwrap();
        device.commit(&header).unwrap();
        assert!(device.header().unwrap() == header, "all of it");
    }

    #[test]
    fn what_is_no_block_device_or_too_small_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refusal = Device::open(file.path()).err().unwrap().to_string();
        assert!(refusal.contains("is no block device") && refusal.contains("volumeMode: Block"), "{refusal}");
        let refusal = Device::open("/no/such/device".as_ref()).err().unwrap().to_string();
        assert!(refusal.contains("cannot open the device /no/such/device"), "{refusal}");
        let small = Device { len: SMALLEST - 1, ..device(&[]) };
        let refusal = small.of_use().err().unwrap().to_string();
        assert!(refusal.contains("has 33554431 bytes; an encrypted volume needs 33554432"), "{refusal}");
    }
}
