//! By what file systems, partition tables and the like are known on a device.
//!
//! Offsets and bytes are those of libblkid and of each format's own description. Most lie in the first or the last MiB;
//! what lies elsewhere is a copy, which outlives the loss of the first.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use Place::{End, Start};

/// Where a signature stands, in bytes.
#[derive(Clone, Copy)]
enum Place {
    /// From the beginning.
    Start(u64),
    /// Before the end.
    End(u64),
}

/// What is known, the more telling first: a boot sector has the mark of a partition table.
const SIGNATURES: &[(&str, &[u8], &[Place])] = &[
    ("a LUKS encrypted volume", b"LUKS\xba\xbe", &[Start(0)]),
    (
        "the second header of a LUKS2 encrypted volume",
        b"SKUL\xba\xbe",
        &[
            Start(0x4000),
            Start(0x8000),
            Start(0x1_0000),
            Start(0x2_0000),
            Start(0x4_0000),
            Start(0x8_0000),
            Start(0x10_0000),
            Start(0x20_0000),
            Start(0x40_0000),
        ],
    ),
    ("a BitLocker encrypted volume", b"-FVE-FS-", &[Start(3)]),
    ("dm-verity hashes", b"verity\0\0", &[Start(0)]),
    ("a dm-integrity volume", b"integrt\0", &[Start(0)]),
    ("a partition table (GPT)", b"EFI PART", &[Start(512), Start(4096), End(512), End(4096)]),
    ("an LVM physical volume", b"LABELONE", &[Start(0), Start(512), Start(1024), Start(1536)]),
    ("a part of a Linux RAID", b"\xfc\x4e\x2b\xa9", &[Start(0), Start(4096), End(8192), End(65536)]),
    ("a bcache device", b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca", &[Start(4120)]),
    ("a Ceph volume", b"bluestore block device", &[Start(0)]),
    ("an XFS file system", b"XFSB", &[Start(0)]),
    ("a btrfs file system", b"_BHRfS_M", &[Start(0x1_0040), Start(0x400_0040)]),
    ("an F2FS file system", b"\x10\x20\xf5\xf2", &[Start(1024)]),
    ("an EROFS file system", b"\xe2\xe1\xf5\xe0", &[Start(1024)]),
    ("a SquashFS file system", b"hsqs", &[Start(0)]),
    ("a CD or DVD (ISO 9660)", b"CD001", &[Start(0x8001)]),
    ("a DVD (UDF)", b"BEA01", &[Start(0x8001)]),
    ("a VMFS file system", b"\x0d\xd0\x01\xc0", &[Start(0x10_0000)]),
    ("a swap area", b"SWAPSPACE2", &[Start(4086)]),
    ("an NTFS file system", b"NTFS    ", &[Start(3)]),
    ("an exFAT file system", b"EXFAT   ", &[Start(3)]),
    ("a FAT file system", b"FAT32   ", &[Start(82)]),
    ("a FAT file system", b"FAT16   ", &[Start(54)]),
    ("a FAT file system", b"FAT12   ", &[Start(54)]),
    ("a partition table or a boot sector", b"\x55\xaa", &[Start(510)]),
];

/// Where the first copy of an ext superblock has its magic number, for blocks of 1, 2 and 4 KiB: the second group begins
/// after eight times as many blocks as a block has bytes, the first of all being block 1 if blocks have 1 KiB.
const EXT_COPIES: [u64; 3] = [8193 * 1024 + 56, 16384 * 2048 + 56, 32768 * 4096 + 56];

/// The magic number of ext2, ext3 and ext4.
pub(super) const EXT_MAGIC: [u8; 2] = [0x53, 0xef];

/// What a device of `size` bytes is known to hold. An ext file system at its proper place is not looked for.
pub(super) fn find(device: &File, size: u64) -> io::Result<Option<&'static str>> {
    for (name, bytes, places) in SIGNATURES {
        for place in *places {
            let offset = match place {
                Start(offset) => Some(*offset),
                End(before) => size.checked_sub(*before),
            };
            if stands(device, size, offset, bytes)? {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

/// Whether a copy of an ext superblock is where one would be.
pub(super) fn has_copy_of_ext(device: &File, size: u64) -> io::Result<bool> {
    for offset in EXT_COPIES {
        if stands(device, size, Some(offset), &EXT_MAGIC)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn stands(device: &File, size: u64, offset: Option<u64>, bytes: &[u8]) -> io::Result<bool> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let Some(offset) = offset.filter(|offset| offset.saturating_add(length) <= size) else {
        return Ok(false);
    };
    let mut found = vec![0; bytes.len()];
    device.read_exact_at(&mut found, offset)?;
    Ok(found == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_found_at_each_of_its_places() {
        let size = 256 << 20;
        for (name, bytes, places) in SIGNATURES {
            for place in *places {
                let device = tempfile::tempfile().unwrap();
                device.set_len(size).unwrap();
                let offset = match place {
                    Start(offset) => *offset,
                    End(before) => size - before,
                };
                device.write_all_at(bytes, offset).unwrap();
                assert_eq!(find(&device, size).unwrap(), Some(*name), "at {offset}");
            }
        }
    }

    #[test]
    fn a_device_that_is_too_small_for_a_signature_does_not_have_it() {
        let device = tempfile::tempfile().unwrap();
        for size in [0, 1, 511, 512, 4096, 1 << 20] {
            device.set_len(size).unwrap();
            assert_eq!(find(&device, size).unwrap(), None);
            assert!(!has_copy_of_ext(&device, size).unwrap());
        }
    }
}
