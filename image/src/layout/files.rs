//! Named files in a folder or in a tar archive.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::LayoutError;
use crate::tar::{Kind, Reader, Seeking, TarError};

/// A set of files.
pub(super) enum Files {
    Folder(PathBuf),
    Archive { file: File, entries: HashMap<String, Place> },
}

/// Where a name of an archive leads.
pub(super) enum Place {
    Content {
        start: u64,
        size: u64,
    },
    /// To another name.
    Link(String),
}

/// Why a small file cannot be read.
pub(super) enum ReadError {
    Io(io::Error),
    TooLong,
}

/// An archive of images has a few files for each layer.
const MAX_ENTRIES: u64 = 100_000;
/// Links that lead to links.
const MAX_HOPS: usize = 8;
/// What compressed files begin with: gzip, zstd, bzip2, xz.
const COMPRESSED: [&[u8]; 4] =
    [&[0x1F, 0x8B], &[0x28, 0xB5, 0x2F, 0xFD], b"BZh", &[0xFD, b'7', b'z', b'X', b'Z']];

impl Files {
    pub(super) fn open(path: &Path) -> Result<Self, LayoutError> {
        let io = |source| LayoutError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let mut start = [0; 8];
        let read = file.read_at(&mut start, 0).map_err(io)?;
        let start = start.get(..read).unwrap_or_default();
        if COMPRESSED.iter().any(|magic| start.starts_with(magic)) {
            return Err(LayoutError::Compressed(path.to_owned()));
        }
        let entries =
            entries(&file).map_err(|source| LayoutError::Archive { path: path.to_owned(), source })?;
        Ok(Self::Archive { file, entries })
    }

    /// Opens a file by its name, which has `/` between its parts. Nothing if there is none, or if the name leads out.
    pub(super) fn get_sized(&self, name: &str) -> io::Result<Option<(u64, Box<dyn Read + Send + '_>)>> {
        let Some(name) = self::name(crate::tar::parts(name.as_bytes())) else { return Ok(None) };
        match self {
            Self::Folder(folder) => {
                let file = match File::open(folder.join(name)) {
                    Ok(file) => file,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(error),
                };
                let metadata = file.metadata()?;
                if !metadata.is_file() {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                Ok(Some((metadata.len(), Box::new(file))))
            }
            Self::Archive { file, entries } => {
                let mut name = name.as_str();
                for _ in 0..MAX_HOPS {
                    match entries.get(name) {
                        Some(Place::Content { start, size }) => {
                            let section =
                                Section { file, position: *start, end: start.saturating_add(*size) };
                            return Ok(Some((*size, Box::new(section))));
                        }
                        Some(Place::Link(target)) => name = target,
                        None => return Ok(None),
                    }
                }
                Ok(None)
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        Ok(self.get_sized(name)?.map(|(_, input)| input))
    }

    /// All of a file that has no more than `most` bytes.
    pub(super) fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(input) = self.get(name).map_err(ReadError::Io)? else { return Ok(None) };
        let mut bytes = Vec::new();
        input.take(most + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
        if bytes.len() as u64 > most { Err(ReadError::TooLong) } else { Ok(Some(bytes)) }
    }
}

/// A later entry of the same name wins, as when unpacking.
fn entries(file: &File) -> Result<HashMap<String, Place>, TarError> {
    let mut reader = Reader::new(Seeking::new(file)?, MAX_ENTRIES);
    let mut entries = HashMap::new();
    while let Some(entry) = reader.next()? {
        let Some(name) = name(entry.parts()) else { continue };
        let place = match &entry.kind {
            Kind::File => Place::Content { start: entry.data_position, size: entry.size },
            Kind::HardLink { target } => match self::name(crate::tar::parts(target)) {
                Some(target) => Place::Link(target),
                None => continue,
            },
            Kind::Symlink { target, .. } => {
                let beside = [entry.path.as_slice(), b"/../", target].concat();
                match self::name(crate::tar::parts(&beside)) {
                    Some(target) => Place::Link(target),
                    None => continue,
                }
            }
            _ => continue,
        };
        entries.insert(name, place);
    }
    Ok(entries)
}

fn name(parts: Option<Vec<&[u8]>>) -> Option<String> {
    String::from_utf8(parts?.join(&b'/')).ok()
}

/// A part of a file. Several can be read at the same time.
struct Section<'a> {
    file: &'a File,
    position: u64,
    end: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let read = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
