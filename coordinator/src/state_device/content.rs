//! What is on a device.

use std::{
    fmt,
    fs::File,
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
};

use super::{
    LABEL,
    signatures::{self, EXT_MAGIC},
};

/// How much has to be zero at each end of an empty device.
const MIB: u64 = 1 << 20;

/// What stands at [`notice_place`] from before a device is formatted until it is. A sector is written whole or not at all.
const NOTICE: &[u8] = b"contrast: this device is being formatted, and holds nothing yet\n";
const SECTOR: usize = 512;

/// Where a superblock of ext stands, and in it its label and which features it has (linux/fs/ext4/ext4.h).
const SUPERBLOCK: usize = 1024;
const MAGIC: usize = SUPERBLOCK + 56;
const COMPATIBLE: usize = SUPERBLOCK + 92;
const INCOMPATIBLE: usize = SUPERBLOCK + 96;
const EXT_LABEL: usize = SUPERBLOCK + 120;
const HAS_JOURNAL: u32 = 0x4;
const EXTENTS: u32 = 0x40;

/// What a device holds.
#[derive(PartialEq, Eq, Debug)]
pub enum Content {
    /// Nothing: the first and the last MiB are zero, and nothing known is in between.
    Empty,
    /// What was left when formatting was interrupted.
    Unfinished,
    /// The file system that was made by an earlier start.
    Ours,
    /// Something else.
    Foreign(Found),
}

/// Something that is not of this program.
#[derive(PartialEq, Eq, Debug)]
pub enum Found {
    /// A file system or the like, with its name.
    Known(&'static str),
    /// A file system of the ext family that is not labelled as ours.
    Ext {
        /// ext2, ext3 or ext4.
        kind: &'static str,
        /// Its label.
        label: String,
    },
    /// Bytes that mean nothing here.
    Unknown {
        /// Where the first of them stands.
        offset: u64,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => f.write_str(name),
            Self::Ext { kind, label } if label.is_empty() => {
                write!(f, "an {kind} file system without a label")
            }
            Self::Ext { kind, label } => {
                write!(f, "an {kind} file system labelled \"{}\"", label.escape_debug())
            }
            Self::Unknown { offset } => write!(f, "data of an unknown kind (at byte {offset})"),
        }
    }
}

/// Size of a device or a file, in bytes.
pub(super) fn size(mut device: &File) -> io::Result<u64> {
    device.seek(SeekFrom::End(0))
}

/// Looks at what is on a device of `size` bytes.
///
/// # Errors
/// When it cannot be read.
pub fn inspect(device: &File, size: u64) -> io::Result<Content> {
    let first = read(device, 0, size.min(MIB))?;
    let last_at = size.saturating_sub(MIB);
    let last = read(device, last_at, size - last_at)?;
    let known = signatures::find(device, size)?.map(Found::Known);
    if has_notice(device, size)? {
        return Ok(known.map_or(Content::Unfinished, Content::Foreign));
    }
    if let Some((kind, label)) = ext(&first) {
        return Ok(if is_ours(kind, &label) {
            Content::Ours
        } else {
            Content::Foreign(Found::Ext { kind, label })
        });
    }
    if let Some(known) = known {
        return Ok(Content::Foreign(known));
    }
    if let Some(offset) = not_zero(&first, 0).or_else(|| not_zero(&last, last_at)) {
        return Ok(Content::Foreign(Found::Unknown { offset }));
    }
    if signatures::has_copy_of_ext(device, size)? {
        return Ok(Content::Foreign(Found::Known("what is left of an ext file system")));
    }
    Ok(Content::Empty)
}

/// Notes, durably, that all that will be on the device until [`finish`] may be lost.
pub(super) fn begin(device: &File, size: u64) -> io::Result<()> {
    device.write_all_at(&notice(), notice_place(size))?;
    device.sync_all()
}

/// Takes the note away, durably, if the device now holds a file system of ours; otherwise says no.
pub(super) fn finish(device: &File, size: u64) -> io::Result<bool> {
    let found = ext(&read(device, 0, size.min(MIB))?);
    if !found.is_some_and(|(kind, label)| is_ours(kind, &label)) {
        return Ok(false);
    }
    if has_notice(device, size)? {
        device.write_all_at(&[0; SECTOR], notice_place(size))?;
    }
    device.sync_all()?;
    Ok(true)
}

fn is_ours(kind: &str, label: &str) -> bool {
    kind == "ext4" && label == LABEL
}

fn has_notice(device: &File, size: u64) -> io::Result<bool> {
    let length = u64::try_from(SECTOR).unwrap_or_default();
    let place = notice_place(size);
    Ok(place + length <= size && read(device, place, length)? == notice())
}

/// In a block that `mkfs.ext4` leaves alone: it erases the last 64 KiB of a device, and leaves the last 50 blocks (of 4 KiB) of
/// the last group free.
fn notice_place(size: u64) -> u64 {
    const FROM_END: u64 = 128 << 10;
    const BLOCK: u64 = 4096;
    size.saturating_sub(FROM_END) / BLOCK * BLOCK
}

fn notice() -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    for (to, from) in sector.iter_mut().zip(NOTICE) {
        *to = *from;
    }
    sector
}

/// Kind and label of the ext file system at the beginning of a device.
fn ext(first: &[u8]) -> Option<(&'static str, String)> {
    if first.get(MAGIC..)?.get(..2)? != EXT_MAGIC {
        return None;
    }
    let flags = |at: usize| first.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let kind = if flags(INCOMPATIBLE)? & EXTENTS != 0 {
        "ext4"
    } else if flags(COMPATIBLE)? & HAS_JOURNAL != 0 {
        "ext3"
    } else {
        "ext2"
    };
    let label = first.get(EXT_LABEL..)?.get(..16)?.split(|byte| *byte == 0).next()?;
    Some((kind, String::from_utf8_lossy(label).into_owned()))
}

fn not_zero(bytes: &[u8], at: u64) -> Option<u64> {
    let position = bytes.iter().position(|byte| *byte != 0)?;
    Some(at + u64::try_from(position).unwrap_or_default())
}

fn read(device: &File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    device.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 32 << 20;

    fn device() -> File {
        let device = tempfile::tempfile().unwrap();
        device.set_len(SIZE).unwrap();
        device
    }

    fn content(device: &File) -> Content {
        inspect(device, size(device).unwrap()).unwrap()
    }

    #[test]
    fn zeroes_are_nothing() {
        let device = device();
        assert_eq!(content(&device), Content::Empty);
        for size in [0, 1, 512, MIB - 1, MIB, MIB + 1, 2 * MIB] {
            device.set_len(size).unwrap();
            assert_eq!(content(&device), Content::Empty, "{size} bytes");
        }
    }

    #[test]
    fn one_byte_anywhere_in_the_first_or_last_mib_is_something() {
        for offset in [0, 1, 511, 4096, MIB - 1, SIZE - MIB, SIZE - 4097, SIZE - 512, SIZE - 1] {
            let device = device();
            device.write_all_at(&[1], offset).unwrap();
            assert_eq!(content(&device), Content::Foreign(Found::Unknown { offset }));
        }
        // What others left in between does not count, as the documentation says.
        let device = device();
        device.write_all_at(&[1], MIB).unwrap();
        device.write_all_at(&[1], SIZE - MIB - 1).unwrap();
        assert_eq!(content(&device), Content::Empty);
    }

    #[test]
    fn the_copy_of_a_superblock_is_something_although_the_first_is_gone() {
        let device = device();
        device.write_all_at(&EXT_MAGIC, 8193 * 1024 + 56).unwrap();
        assert!(matches!(content(&device), Content::Foreign(Found::Known(name)) if name.contains("ext")));
    }

    #[test]
    fn formatting_that_was_begun_may_be_begun_again_whatever_it_left() {
        let device = device();
        begin(&device, SIZE).unwrap();
        assert_eq!(content(&device), Content::Unfinished);
        device.write_all_at(&[0xab; 8192], 0).unwrap();
        assert_eq!(content(&device), Content::Unfinished);
        assert!(!finish(&device, SIZE).unwrap());
        assert_eq!(content(&device), Content::Unfinished, "it is not finished without a file system");
    }

    #[test]
    fn what_somebody_else_made_of_a_device_that_was_being_formatted_is_left_alone() {
        let device = device();
        begin(&device, SIZE).unwrap();
        device.write_all_at(b"XFSB", 0).unwrap();
        assert_eq!(content(&device), Content::Foreign(Found::Known("an XFS file system")));
    }

    #[test]
    fn a_label_from_the_disk_is_escaped() {
        let found = Found::Ext { kind: "ext4", label: "\u{1b}[2J\"\n".to_owned() };
        assert_eq!(found.to_string(), r#"an ext4 file system labelled "\u{1b}[2J\"\n""#);
    }
}
