//! The file system on a decrypted device.
//!
//! A block that was never written has no valid integrity tag, and reading it is an error. So nothing here searches the device, and
//! `mkfs.ext4` finds zeros where it reads before it writes.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno};

use super::program::{self, ProgramError};

/// Bytes of a block, which are those of an encrypted sector.
const BLOCK_LEN: usize = 4096;
/// ext4's magic number, `0xEF53` in little-endian, in its superblock, which begins at 1024.
const MAGIC_OFFSET: usize = 1080;
const MAGIC: &[u8] = b"\x53\xef";
/// ext4 has written more than one of the first 256 blocks: descriptors of groups, bitmaps.
const FIRST_BLOCKS: u64 = 256;

/// As much as is read or written at once, and where memory has to lie for it if the kernel shall not keep a copy.
#[repr(align(4096))]
struct Block([u8; BLOCK_LEN]);

static ZEROS: Block = Block([0; BLOCK_LEN]);

/// What is on the decrypted device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileSystem {
    /// ext4.
    Ext4,
    /// Nothing was ever written, or only zeros.
    Nothing,
    /// The superblock cannot be read, or is none; but there is something.
    Unknown,
}

/// Why there is no file system.
#[derive(Debug, thiserror::Error)]
pub enum FileSystemError {
    /// The decrypted device cannot be read or written.
    #[error("cannot {action} the decrypted device {}: {cause}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The device.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// `mkfs.ext4` failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

/// What is on the device at `path`.
pub(super) fn find(path: &Path) -> Result<FileSystem, FileSystemError> {
    let failed = |action| move |cause| FileSystemError::Io { action, path: path.to_owned(), cause };
    let device = direct(path).map_err(failed("open"))?;
    let superblock = read(&device, 0).map_err(failed("read"))?;
    if superblock.is_some_and(|block| block.0.get(MAGIC_OFFSET..).is_some_and(|rest| rest.starts_with(MAGIC)))
    {
        return Ok(FileSystem::Ext4);
    }
    for index in 0..FIRST_BLOCKS {
        if read(&device, index).map_err(failed("read"))?.is_some_and(|block| block.0 != ZEROS.0) {
            return Ok(FileSystem::Unknown);
        }
    }
    Ok(FileSystem::Nothing)
}

/// Makes an ext4 file system on the device at `path`, which holds nothing. On the disk on return.
pub(super) async fn make(path: &Path) -> Result<(), FileSystemError> {
    let failed = |cause| FileSystemError::Io { action: "write", path: path.to_owned(), cause };
    let plan = program::run("mkfs.ext4", &["-F".as_ref(), "-n".as_ref(), path.as_os_str()]).await?;
    let device = direct(path).map_err(failed)?;
    for block in std::iter::once(0).chain(backups(&plan)) {
        device.write_all_at(&ZEROS.0, block.saturating_mul(BLOCK_LEN as u64)).map_err(failed)?;
    }
    program::run("mkfs.ext4", &[path]).await?;
    device.sync_all().map_err(failed)
}

/// Where the plan of `mkfs.ext4` has copies of the superblock. Small devices have none.
fn backups(plan: &str) -> impl Iterator<Item = u64> {
    let (_, list) = plan.split_once("Superblock backups stored on blocks:").unwrap_or_default();
    list.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok())
}

/// Without copies in memory, which would hide what cannot be read.
fn direct(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::DIRECT.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

/// One block; `None` if it has no valid integrity tag, or if there is none.
fn read(device: &File, index: u64) -> io::Result<Option<Block>> {
    let mut block = Block([0; BLOCK_LEN]);
    match device.read_exact_at(&mut block.0, index * BLOCK_LEN as u64) {
        Ok(()) => Ok(Some(block)),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(cause) => match Errno::from_io_error(&cause) {
            Some(Errno::IO | Errno::ILSEQ) => Ok(None),
            _ => Err(cause),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_the_superblock_are_where_the_plan_says() {
        let plan = "Creating filesystem with 1310720 4k blocks and 327680 inodes\nFilesystem UUID: 53bc280d\n\
            Superblock backups stored on blocks: \n\t32768, 98304, 163840, \n\t884736\n\n";
        assert_eq!(backups(plan).collect::<Vec<_>>(), [32768, 98304, 163_840, 884_736]);
        assert_eq!(backups("Creating filesystem with 3840 4k blocks\n\n").count(), 0);
    }
}
