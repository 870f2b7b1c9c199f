//! The header of an encrypted volume, held against the only form that is opened.
//!
//! A LUKS2 header (LUKS2 On-Disk Format Specification 1.1.1) says how a volume is encrypted, and nobody vouches for it: the host, whose
//! disk it is on, can name a cipher that does not encrypt, leave integrity out, or add what a later version of `cryptsetup` obeys. The
//! passphrase is no protection, for it opens such a volume, too. So nothing of a header is believed: it is as [`check`] demands, which leaves
//! open only salts, the identifier, and what deriving the key costs, within bounds; or the volume is not opened.

mod fields;
mod metadata;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

pub(super) use self::fields::FIRST_MAGIC;
pub use self::metadata::check_metadata;
use self::{
    fields::{BINARY_LEN, CHECKSUM, Fields},
    metadata::text_of,
};

/// Bytes of one copy of the header: 4 KiB of binary fields, and 12 KiB with a text in JSON.
pub const COPY_LEN: usize = 16 << 10;
/// Bytes of both copies, which stand one after the other at the beginning of the device.
pub const COPIES_LEN: usize = 2 * COPY_LEN;
/// Where the key stands, encrypted under the passphrase: right behind the copies.
pub const KEY_AREA_OFFSET: usize = COPIES_LEN;
/// Bytes of the encrypted key: 96 bytes (64 for AES-256-XTS, 32 for HMAC-SHA-256), split into 4,000 stripes, in whole 4 KiB.
pub const KEY_AREA_LEN: usize = 385_024;
/// Where the encrypted data begin.
pub const DATA_OFFSET: usize = 16 << 20;

/// What a checked header says that is not the same for all volumes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The volume's identifier, in lower case.
    pub uuid: String,
}

/// One of the two copies of the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copy {
    /// At the beginning of the device.
    First,
    /// Behind the first.
    Second,
}

/// Why a volume with this header is not opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// There is less than both copies.
    #[error("the header ends after {0} bytes; it has {COPIES_LEN}")]
    Short(usize),
    /// The words at the beginning are others.
    #[error("the {0} does not begin as one of LUKS2 does")]
    NotLuks2(Copy),
    /// The checksum is of other bytes.
    #[error("the {0} is damaged: its checksum is that of other bytes")]
    Checksum(Copy),
    /// The JSON text ends, and something follows.
    #[error("the {0} has something behind its JSON text")]
    Trailing(Copy),
    /// The JSON text is not of this form: no JSON, a member that is unknown, missing, there twice, or of another type.
    #[error("the header's JSON text is not of the form that is made here: {0}")]
    Form(String),
    /// Values are others.
    #[error("the header is not as it is made here: {}", in_a_row(.0))]
    Values(Vec<Mismatch>),
}

/// A value that is not what it has to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// The member, for example `keyslots.0.kdf.type`.
    pub member: String,
    /// What it has to be, in words.
    pub expected: String,
    /// What it is. Printable.
    pub found: String,
}

/// Holds both copies of a header, which are the first [`COPIES_LEN`] bytes of `bytes`, against the form.
///
/// # Errors
/// See [`HeaderError`]. Values that are wrong are all named.
pub fn check(bytes: &[u8]) -> Result<Header, HeaderError> {
    let short = || HeaderError::Short(bytes.len());
    let (first, rest) = bytes.split_at_checked(COPY_LEN).ok_or_else(short)?;
    let (second, _) = rest.split_at_checked(COPY_LEN).ok_or_else(short)?;
    let (first, first_text) = check_copy(first, Copy::First)?;
    let (second, second_text) = check_copy(second, Copy::Second)?;

    let mut mismatches = first.mismatches(Copy::First);
    mismatches.extend(second.mismatches(Copy::Second));
    mismatches.extend(first.differences(&second));
    if first_text != second_text {
        mismatches.push(Mismatch::new(
            "the JSON text of the second copy",
            "that of the first copy",
            "another",
        ));
    }
    match check_metadata(first_text) {
        Ok(()) => {}
        Err(HeaderError::Values(more)) => mismatches.extend(more),
        Err(other) => return Err(other),
    }
    if mismatches.is_empty() {
        Ok(Header { uuid: first.uuid() })
    } else {
        Err(HeaderError::Values(mismatches))
    }
}

/// Takes a copy apart, if it is one and undamaged.
fn check_copy(bytes: &[u8], copy: Copy) -> Result<(Fields<'_>, &[u8]), HeaderError> {
    let (binary, text) = bytes.split_at_checked(BINARY_LEN).ok_or(HeaderError::Short(bytes.len()))?;
    let fields = Fields(binary);
    if !fields.begin(copy) {
        return Err(HeaderError::NotLuks2(copy));
    }
    if fields.get(CHECKSUM) != checksum(bytes) {
        return Err(HeaderError::Checksum(copy));
    }
    Ok((fields, text_of(text).ok_or(HeaderError::Trailing(copy))?))
}

/// SHA-256 over a copy with zeros in place of the checksum, whose field has 64 bytes (section 2.1 of the specification).
fn checksum(copy: &[u8]) -> [u8; 64] {
    let mut bytes = copy.to_vec();
    if let Some(field) = bytes.get_mut(CHECKSUM) {
        field.fill(0);
    }
    let mut field = [0; 64];
    for (to, from) in field.iter_mut().zip(digest(&SHA256, &bytes).as_ref()) {
        *to = *from;
    }
    field
}

impl Mismatch {
    /// `found` comes from strangers.
    fn new(member: impl Into<String>, expected: impl Into<String>, found: &str) -> Self {
        Self { member: member.into(), expected: expected.into(), found: printable(found) }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has to be {}, and is {}", self.member, self.expected, self.found)
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first copy of the header",
            Self::Second => "second copy of the header",
        })
    }
}

fn in_a_row(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// At most 160 characters that cannot move the cursor of whoever reads them.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 160;
    let mut short: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}
