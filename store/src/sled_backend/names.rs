//! Names in the state directory, which the host may have put there.
//!
//! The store consists of plain files and directories. A link would lead out of it, and what is behind a device or a
//! pipe can do anything when it is opened. So each name is looked at before it is opened, by whomever; and what this
//! program opens itself, it opens so that a link is not followed and a pipe is not waited for.
//!
//! Assumed is that only this guest's kernel changes names while it has the file system mounted: the host owns the
//! blocks, and what it changes there behind the kernel's back may be found at any later time.

use crate::backend_error::{BackendError, Damage};
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What a name has to stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    File,
    Directory,
}

/// Opens a plain file for reading.
pub(crate) fn open_file(path: &Path) -> Result<File, BackendError> {
    open(path, OFlags::RDONLY)
}

/// Opens a plain file for reading and writing, and makes it if there is none.
pub(super) fn open_or_make_file(path: &Path) -> Result<File, BackendError> {
    open(path, OFlags::RDWR | OFlags::CREATE)
}

fn open(path: &Path, flags: OFlags) -> Result<File, BackendError> {
    let mode = Mode::from_raw_mode(0o666);
    let careful = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // Opening a device can do something by itself; so it is looked at before, too.
    check_if_there(path, Expected::File)?;
    let opening = |error| BackendError::opening(path, error);
    let file =
        File::from(rustix::fs::open(path, flags | careful, mode).map_err(|errno| opening(errno.into()))?);
    let metadata = file.metadata().map_err(opening)?;
    expect(path, metadata.file_type(), Expected::File)?;
    Ok(file)
}

/// All of a file, or `None` if it has more than `most` bytes.
pub(super) fn read_at_most(file: File, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// Whether there is a plain file or directory of this name.
pub(super) fn check_if_there(path: &Path, expected: Expected) -> Result<bool, BackendError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => {
            expect(path, metadata.file_type(), expected)?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(BackendError::opening(path, error)),
    }
}

/// Checks the names of `directory` that `expected` knows. A file must have no name elsewhere: who writes into it would
/// write into that one.
pub(super) fn check_all(
    directory: &Path,
    expected: impl Fn(&[u8]) -> Option<Expected>,
) -> Result<(), BackendError> {
    let opening = |error| BackendError::opening(directory, error);
    let mut names_here = BTreeMap::<u64, (u64, OsString, u64)>::new();
    for entry in fs::read_dir(directory).map_err(opening)? {
        let name = entry.map_err(opening)?.file_name();
        let Some(expected) = expected(name.as_bytes()) else { continue };
        let path = directory.join(&name);
        let metadata = fs::symlink_metadata(&path).map_err(|error| BackendError::opening(&path, error))?;
        expect(&path, metadata.file_type(), expected)?;
        if expected == Expected::File {
            names_here.entry(metadata.ino()).or_insert((0, name, metadata.nlink())).0 += 1;
        }
    }
    for (_, (here, name, everywhere)) in names_here {
        if here != everywhere {
            return Err(Damage::SharedFile(directory.join(name)).into());
        }
    }
    Ok(())
}

fn expect(path: &Path, found: FileType, expected: Expected) -> Result<(), BackendError> {
    let as_expected = match expected {
        Expected::File => found.is_file(),
        Expected::Directory => found.is_dir(),
    };
    if as_expected {
        return Ok(());
    }
    let found = match found {
        found if found.is_symlink() => "a symbolic link",
        found if found.is_dir() => "a directory",
        found if found.is_fifo() => "a pipe",
        found if found.is_socket() => "a socket",
        found if found.is_block_device() || found.is_char_device() => "a device",
        _ => "a file",
    };
    Err(Damage::NotPlain { path: path.to_owned(), found }.into())
}
