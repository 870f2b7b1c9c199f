//! What an archive says about one file.

/// One entry of an archive, with everything that its extensions say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// As it is written: not cleaned.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    /// All that stands there; the low twelve bits are permissions.
    pub(crate) mode: u64,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Seconds since 1970.
    pub(crate) mtime: u64,
    /// Bytes of content in the archive.
    pub(crate) size: u64,
    /// Where the header is that is no extension.
    pub(crate) header_position: u64,
    /// Where the content begins.
    pub(crate) data_position: u64,
}

/// What kind of file it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    File,
    Directory,
    /// Another name of a file that came earlier.
    HardLink {
        target: Vec<u8>,
    },
    Symlink {
        target: Vec<u8>,
        /// Does the field of the header hold all of the target?
        in_header: bool,
    },
    CharDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Fifo,
    /// Anything else.
    Other(u8),
}

impl Entry {
    /// The path as parts from the root, without `.`, with `..` resolved; nothing if it leaves the root.
    pub(crate) fn parts(&self) -> Option<Vec<&[u8]>> {
        parts(&self.path)
    }
}

/// [`Entry::parts`] of any path. The root has no parts.
pub(crate) fn parts(path: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts)
}
