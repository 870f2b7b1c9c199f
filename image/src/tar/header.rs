//! The 512 bytes before each entry (POSIX.1-1988 "ustar", with the variants of GNU and star).

use super::{
    TarError,
    entry::{Entry, Kind},
    extension::Extensions,
};

pub(super) const BLOCK: usize = 512;

/// A header whose sum is right.
pub(super) struct Header {
    block: [u8; BLOCK],
    position: u64,
}

/// Where the fields are.
mod field {
    use std::ops::Range;

    pub(super) const NAME: Range<usize> = 0..100;
    pub(super) const MODE: Range<usize> = 100..108;
    pub(super) const UID: Range<usize> = 108..116;
    pub(super) const GID: Range<usize> = 116..124;
    pub(super) const SIZE: Range<usize> = 124..136;
    pub(super) const MTIME: Range<usize> = 136..148;
    pub(super) const SUM: Range<usize> = 148..156;
    pub(super) const FLAG: usize = 156;
    pub(super) const LINK: Range<usize> = 157..257;
    pub(super) const MAGIC: Range<usize> = 257..263;
    pub(super) const MAJOR: Range<usize> = 329..337;
    pub(super) const MINOR: Range<usize> = 337..345;
    pub(super) const PREFIX: Range<usize> = 345..500;
    pub(super) const STAR_PREFIX: Range<usize> = 345..476;
    pub(super) const STAR_MAGIC: Range<usize> = 508..512;
    /// GNU's old form of files with holes: does another block of the map follow?
    pub(super) const CONTINUES: usize = 482;
}

impl Header {
    pub(super) fn parse(block: [u8; BLOCK], position: u64) -> Result<Self, TarError> {
        let header = Self { block, position };
        let sum = octal(header.field(field::SUM)).ok_or(TarError::Header { at: position })?;
        // The sum is taken as if its own field had blanks. Some programs add the bytes as signed ones.
        let (mut unsigned, mut signed) = (0_i64, 0_i64);
        for (at, byte) in block.iter().enumerate() {
            let byte = if field::SUM.contains(&at) { b' ' } else { *byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        let sum = i64::try_from(sum).map_err(|_| TarError::Header { at: position })?;
        if sum == unsigned || sum == signed { Ok(header) } else { Err(TarError::Header { at: position }) }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn flag(&self) -> u8 {
        self.block.get(field::FLAG).copied().unwrap_or_default()
    }

    /// Does it say something about the entry after it?
    pub(super) fn is_extension(&self) -> bool {
        matches!(self.flag(), b'x' | b'g' | b'L' | b'K')
    }

    /// Do more blocks of header follow?
    pub(super) fn continues(&self) -> bool {
        self.flag() == b'S' && self.block.get(field::CONTINUES).is_some_and(|flag| *flag != 0)
    }

    pub(super) fn size(&self) -> Result<u64, TarError> {
        self.number(field::SIZE, "size")
    }

    /// The entry that this header begins, with its extensions. Where its content begins is for the caller to say.
    pub(super) fn entry(&self, extensions: Extensions) -> Result<Entry, TarError> {
        let Extensions { path, link, size, uid, gid, .. } = extensions;
        let path = path.unwrap_or_else(|| self.name());
        let in_field = self.text(field::LINK);
        let link = link.unwrap_or_else(|| in_field.to_vec());
        let kind = match self.flag() {
            // Before POSIX, a directory was a file whose name ends with a slash.
            0 if path.ends_with(b"/") => Kind::Directory,
            0 | b'0' => Kind::File,
            b'1' => Kind::HardLink { target: link },
            b'2' => Kind::Symlink { in_header: link == in_field, target: link },
            b'3' => Kind::CharDevice { major: self.device(field::MAJOR)?, minor: self.device(field::MINOR)? },
            b'4' => {
                Kind::BlockDevice { major: self.device(field::MAJOR)?, minor: self.device(field::MINOR)? }
            }
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => Kind::Other(other),
        };
        let announced = size.map_or_else(|| self.size(), Ok)?;
        // These have no content, but may announce the size of what they point to.
        let size = if matches!(self.flag(), b'1'..=b'6') { 0 } else { announced };
        Ok(Entry {
            path,
            kind,
            mode: self.number(field::MODE, "mode")?,
            uid: uid.map_or_else(|| self.number(field::UID, "user ID"), Ok)?,
            gid: gid.map_or_else(|| self.number(field::GID, "group ID"), Ok)?,
            mtime: self.number(field::MTIME, "time")?,
            size,
            header_position: self.position,
            data_position: 0,
        })
    }

    /// The name in the header, with the part of it that stands in front elsewhere.
    fn name(&self) -> Vec<u8> {
        let name = self.text(field::NAME);
        let prefix = match (self.field(field::MAGIC), self.field(field::STAR_MAGIC)) {
            (b"ustar\0", b"tar\0") => self.text(field::STAR_PREFIX),
            (b"ustar\0", _) => self.text(field::PREFIX),
            _ => b"",
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    fn device(&self, range: std::ops::Range<usize>) -> Result<u32, TarError> {
        let wrong = TarError::Number { at: self.position, field: "device number" };
        self.number(range, "device number").and_then(|number| u32::try_from(number).map_err(|_| wrong))
    }

    fn number(&self, range: std::ops::Range<usize>, field: &'static str) -> Result<u64, TarError> {
        let bytes = self.field(range);
        let number = match bytes.split_first() {
            // GNU's form for large numbers: big endian. Negative ones have no meaning here.
            Some((0x80, rest)) => big_endian(rest),
            Some((0xFF, _)) if field == "time" => Some(0),
            Some(_) | None => octal(bytes),
        };
        number.ok_or(TarError::Number { at: self.position, field })
    }

    /// A field up to its first NUL.
    fn text(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.field(range).split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn field(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.block.get(range).unwrap_or_default()
    }
}

/// Octal digits with blanks and NULs around them; none at all is zero.
fn octal(bytes: &[u8]) -> Option<u64> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let digits = bytes.get(start..)?;
    let end = digits.iter().position(blank).unwrap_or(digits.len());
    digits.get(..end)?.iter().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'7' => Some(number.checked_mul(8)? + u64::from(byte - b'0')),
        _ => None,
    })
}

fn big_endian(bytes: &[u8]) -> Option<u64> {
    bytes.iter().try_fold(0_u64, |number, byte| Some(number.checked_mul(256)? + u64::from(*byte)))
}
