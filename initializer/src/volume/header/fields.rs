//! The binary half of a copy of the header.

use std::ops::Range;

use super::{COPY_LEN, Copy, Mismatch};

/// Bytes of the binary half. All fields are in the first 512, which are one sector.
pub(super) const BINARY_LEN: usize = 4096;

// Section 2.1 of the specification. Numbers are big-endian.
const MAGIC: Range<usize> = 0..6;
const VERSION: Range<usize> = 6..8;
const HEADER_LEN: Range<usize> = 8..16;
const SEQUENCE: Range<usize> = 16..24;
const LABEL: Range<usize> = 24..72;
const ALGORITHM: Range<usize> = 72..104;
const UUID: Range<usize> = 168..208;
const SUBSYSTEM: Range<usize> = 208..256;
const OFFSET: Range<usize> = 256..264;
const PADDING: Range<usize> = 264..448;
/// The checksum of the copy.
pub(super) const CHECKSUM: Range<usize> = 448..512;
const PADDING_TO_4096: Range<usize> = 512..BINARY_LEN;

/// What begins a header of LUKS, of any version.
pub(in crate::volume) const FIRST_MAGIC: &[u8] = b"LUKS\xba\xbe";
const SECOND_MAGIC: &[u8] = b"SKUL\xba\xbe";

/// The binary half of a copy.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// One field; empty if the half is too short for it.
    pub(super) fn get(&self, field: Range<usize>) -> &'a [u8] {
        self.0.get(field).unwrap_or_default()
    }

    /// Whether the copy begins as one of LUKS2 does at this place.
    pub(super) fn begin(&self, copy: Copy) -> bool {
        let magic = match copy {
            Copy::First => FIRST_MAGIC,
            Copy::Second => SECOND_MAGIC,
        };
        self.get(MAGIC) == magic && self.get(VERSION) == [0, 2]
    }

    /// The identifier, up to its end.
    pub(super) fn uuid(&self) -> String {
        String::from_utf8_lossy(self.get(UUID)).trim_end_matches('\0').to_owned()
    }

    /// Fields that are not as they have to be.
    pub(super) fn mismatches(&self, copy: Copy) -> Vec<Mismatch> {
        let offset = match copy {
            Copy::First => 0,
            Copy::Second => COPY_LEN,
        };
        let number = |field| self.get(field).iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let mut wrong = Vec::new();
        let mut demand = |is_right: bool, member: &str, expected: String, found: String| {
            if !is_right {
                wrong.push(Mismatch::new(format!("{member} of the {copy}"), expected, &found));
            }
        };
        for (member, field, expected) in [("length", HEADER_LEN, COPY_LEN), ("offset", OFFSET, offset)] {
            let found: u64 = number(field);
            demand(found == expected as u64, member, expected.to_string(), found.to_string());
        }
        let text = |field| String::from_utf8_lossy(self.get(field)).into_owned();
        let algorithm = text(ALGORITHM);
        demand(
            algorithm.trim_end_matches('\0') == "sha256",
            "checksum's algorithm",
            "sha256".into(),
            algorithm,
        );
        demand(is_uuid(self.get(UUID)), "identifier", "a UUID in lower case".into(), text(UUID));
        for (member, field) in
            [("label", LABEL), ("subsystem", SUBSYSTEM), ("padding", PADDING), ("end", PADDING_TO_4096)]
        {
            let is_empty = self.get(field.clone()).iter().all(|byte| *byte == 0);
            demand(is_empty, member, "empty".into(), text(field));
        }
        wrong
    }

    /// Where the second copy does not say what the first does.
    pub(super) fn differences(&self, second: &Self) -> Vec<Mismatch> {
        let fields = [("sequence number", SEQUENCE), ("identifier", UUID)];
        let differing =
            fields.into_iter().filter(|(_, field)| self.get(field.clone()) != second.get(field.clone()));
        let mismatch = |(member, _)| {
            Mismatch::new(format!("{member} of the {}", Copy::Second), "that of the first copy", "another")
        };
        differing.map(mismatch).collect()
    }
}

/// 36 characters of a UUID and zeros.
fn is_uuid(field: &[u8]) -> bool {
    let Some((uuid, rest)) = field.split_at_checked(36) else { return false };
    let fits = |(index, byte): (usize, &u8)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    uuid.iter().enumerate().all(fits) && rest.iter().all(|byte| *byte == 0)
}
