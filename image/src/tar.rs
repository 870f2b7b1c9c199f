//! Reads tar archives: ustar with the extensions of POSIX (pax), GNU and star.
//!
//! A reader of our own, because layers come from strangers: nothing in an archive can make it hold more than
//! [`MAX_EXTENSION`] bytes, and the positions of headers, which dm-verity roots depend on, are known exactly. Where
//! programs read archives differently, it reads as Go's `archive/tar` does, since that is what unpacks on a node.

mod entry;
mod extension;
mod header;
mod input;

use std::io::{self, Read};

pub(crate) use entry::{Entry, Kind, parts};
use extension::Extensions;
use header::{BLOCK, Header};
pub(crate) use input::{Input, Seeking, Streamed};

/// Names and other extensions of one entry, in bytes. More than any file system takes.
const MAX_EXTENSION: u64 = 1 << 20;

/// Why bytes are no archive that can be read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// Reading failed.
    #[error("cannot read the archive: {0}")]
    Io(#[from] io::Error),
    /// It ends before its last entry does.
    #[error("the archive ends in the middle, at byte {at}")]
    Truncated {
        /// Bytes that there are.
        at: u64,
    },
    /// The sum over a header is wrong: what is there is no header.
    #[error("there is no tar header at byte {at}, where one should be")]
    Header {
        /// Position of the header.
        at: u64,
    },
    /// A number in a header is none, or too large.
    #[error("the tar header at byte {at} has a wrong {field}")]
    Number {
        /// Position of the header.
        at: u64,
        /// Which number.
        field: &'static str,
    },
    /// An extended header is malformed.
    #[error("the extended tar header at byte {at} is malformed")]
    Extension {
        /// Position of the header.
        at: u64,
    },
    /// An extended header is too long.
    #[error("the extended tar header at byte {at} has {size} bytes; at most {MAX_EXTENSION} are read")]
    LongExtension {
        /// Position of the header.
        at: u64,
        /// Its length.
        size: u64,
    },
    /// There are too many entries.
    #[error("the archive has more than {0} entries")]
    Entries(u64),
}

/// Goes through an archive, entry by entry.
pub(crate) struct Reader<R> {
    input: R,
    /// Where the input stands.
    position: u64,
    /// Content of the present entry that was not read, without the fill after it.
    content: u64,
    /// Where the next header is.
    next: u64,
    headers: u64,
    most: u64,
}

impl<R: Input> Reader<R> {
    /// Reads no more than `most` headers, those of extensions included.
    pub(crate) fn new(input: R, most: u64) -> Self {
        Self { input, position: 0, content: 0, next: 0, headers: 0, most }
    }

    /// The next entry, or nothing at the end: a block of zeros, or no further byte.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, TarError> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header()? else {
                // Extensions must be followed by what they extend.
                return if extensions.is_empty() {
                    Ok(None)
                } else {
                    Err(TarError::Truncated { at: self.position })
                };
            };
            let at = header.position();
            if !header.is_extension() {
                let entry = header.entry(extensions)?;
                if header.continues() {
                    self.skip_sparse_map()?;
                }
                self.content = entry.size;
                self.next =
                    padded(self.position, entry.size).ok_or(TarError::Number { at, field: "size" })?;
                return Ok(Some(Entry { data_position: self.position, ..entry }));
            }
            let size = header.size()?;
            if size > MAX_EXTENSION {
                return Err(TarError::LongExtension { at, size });
            }
            self.content = size;
            self.next = padded(self.position, size).ok_or(TarError::Number { at, field: "size" })?;
            let content = self.read_content(MAX_EXTENSION)?.ok_or(TarError::LongExtension { at, size })?;
            extensions.add(&header, content).ok_or(TarError::Extension { at })?;
        }
    }

    /// The content of the present entry, or nothing if it has more than `most` bytes.
    pub(crate) fn read_content(&mut self, most: u64) -> Result<Option<Vec<u8>>, TarError> {
        if self.content > most {
            return Ok(None);
        }
        // Grows with what is there, not with what was announced.
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(self.content).read_to_end(&mut bytes)? as u64;
        self.position += read;
        if read < self.content {
            return Err(TarError::Truncated { at: self.position });
        }
        self.content = 0;
        Ok(Some(bytes))
    }

    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let skipped = self.input.skip(self.next - self.position)?;
        self.position += skipped;
        if self.position < self.next {
            return Err(TarError::Truncated { at: self.position });
        }
        let at = self.position;
        let Some(block) = self.block()? else { return Ok(None) };
        if block.iter().all(|byte| *byte == 0) {
            // The end is two such blocks; one is taken as well, but only if nothing else follows it.
            return match self.block()? {
                Some(second) if second.iter().any(|byte| *byte != 0) => Err(TarError::Header { at }),
                _ => Ok(None),
            };
        }
        self.headers += 1;
        if self.headers > self.most {
            return Err(TarError::Entries(self.most));
        }
        self.next = self.position;
        self.content = 0;
        Header::parse(block, at).map(Some)
    }

    /// GNU's old form of files with holes has more blocks of header, as long as the last one says so.
    fn skip_sparse_map(&mut self) -> Result<(), TarError> {
        loop {
            let block = self.block()?.ok_or(TarError::Truncated { at: self.position })?;
            self.headers += 1;
            if self.headers > self.most {
                return Err(TarError::Entries(self.most));
            }
            if block.get(504).is_none_or(|flag| *flag == 0) {
                return Ok(());
            }
        }
    }

    /// A whole block, or nothing at the end.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(TarError::Truncated { at: self.position }),
                Ok(read) => {
                    filled += read;
                    self.position += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(block))
    }
}

/// Where the next header is, if `size` bytes begin at `position`.
fn padded(position: u64, size: u64) -> Option<u64> {
    position.checked_add(size.checked_next_multiple_of(BLOCK as u64)?)
}

#[cfg(test)]
mod tests;
