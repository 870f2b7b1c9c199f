//! The text of a file, and where in it something stands.

use std::fmt;

use crate::error::ReadError;

/// Largest file. A Kubernetes object is at most 1.5 MiB large (etcd's limit); a rendered chart holds hundreds.
pub const MAX_FILE: usize = 64 << 20;

/// A file as text. Byte offsets count from the beginning of the file, a byte order mark included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    name: String,
    content: String,
    /// Offset of the first byte of each line.
    lines: Vec<usize>,
}

/// A place in a file, for people: both count from 1, columns in characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Name of the file.
    pub file: String,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Text {
    /// The text of a file that people know as `name`.
    ///
    /// # Errors
    /// When it is too large or not UTF-8.
    pub(crate) fn new(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, ReadError> {
        let name = name.into();
        if bytes.len() > MAX_FILE {
            return Err(ReadError::TooLarge { file: name, limit: MAX_FILE, found: bytes.len() });
        }
        let content = match String::from_utf8(bytes) {
            Ok(content) => content,
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let utf16 = matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
                return Err(ReadError::NotUtf8 { file: name, offset, utf16 });
            }
        };
        let starts = content.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Ok(Self { name, content, lines })
    }

    /// What people call the file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// All of it.
    pub(crate) fn content(&self) -> &str {
        &self.content
    }

    /// What the file's lines end with, judged by the first one.
    pub(crate) fn line_end(&self) -> &'static str {
        match self.content.find('\n') {
            Some(at) if self.content[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// Where the byte at `offset` stands.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let before = self.content.get(start..offset).unwrap_or_default();
        let column = before.trim_start_matches('\u{feff}').chars().count() + 1;
        Place { file: self.name.clone(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
