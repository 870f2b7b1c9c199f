//! One segment of sled's file: a header, and messages one after the other.

use super::cursor::Cursor;

/// Bytes of a segment; `conf` says so, and has no other content.
pub(super) const SEGMENT: usize = 512 << 10;
const HEADER: usize = 20;
/// A message begins nowhere nearer to the end of its segment.
const LONGEST_MESSAGE_HEADER: usize = 32;
/// Sled counts every byte that it ever wrote. No disk lives to see this many.
pub(super) const MOST_WRITTEN: u64 = 1 << 50;

/// What kind of message says something about a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Free,
    Counter,
    Meta,
    Node,
    Link,
}

/// A message with the right checksum.
pub(super) enum Message<'a> {
    /// About a page.
    Page { kind: Kind, page: u64, content: &'a [u8] },
    /// Nothing follows in this segment.
    Cap,
    /// To be skipped, or about no page.
    Other,
    /// What this program never lets sled write.
    Foreign,
}

/// The bytes of a segment, which may be the last one of a file and so shorter.
pub(super) struct Segment<'a>(&'a [u8]);

/// A header with the right checksum: where in all that was ever written this segment begins, and how much of that was
/// durable at the time.
pub(super) struct Header {
    pub(super) begins: i64,
    durable: i64,
}

impl Header {
    /// Whether sled can have written these numbers.
    pub(super) fn is_sound(&self) -> bool {
        let begins = u64::try_from(self.begins);
        begins.is_ok_and(|begins| begins < MOST_WRITTEN && begins % (SEGMENT as u64) == 0)
            && self.durable >= -1
            && self.durable < MOST_WRITTEN.cast_signed()
    }
}

impl<'a> Segment<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The header; `None` where there is none with the right checksum. Sled takes such a segment for a free one.
    pub(super) fn header(&self) -> Option<Header> {
        let mut cursor = Cursor::new(self.0);
        let checksum = u32::from_le_bytes(cursor.array()?);
        let numbers: [u8; 16] = cursor.array()?;
        let mut cursor = Cursor::new(&numbers);
        let begins = i64::from_le_bytes(cursor.array()?) ^ i64::MAX;
        let durable = i64::from_le_bytes(cursor.array()?) ^ i64::MAX;
        (crc32fast::hash(&numbers) == !checksum).then_some(Header { begins, durable })
    }

    /// Where the first message begins.
    pub(super) const FIRST: usize = HEADER;

    /// The message at `offset`, and its length; `None` where there is none that sled would take for one, because the
    /// checksum is wrong or because it belongs to an earlier use of this segment (another `number`).
    pub(super) fn message(&self, offset: usize, number: u64) -> Option<(Message<'a>, usize)> {
        let Claim { checksum, kind, page, header, content } = self.claim(offset, number)?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(content);
        hasher.update(header.get(4..)?);
        if !hasher.finalize() != checksum {
            return None;
        }
        let length = content.len();
        let about = |kind| Message::Page { kind, page, content };
        let message = match kind {
            1 => Message::Other,
            2 => Message::Cap,
            3 if length == 8 => Message::Other,
            4 => about(Kind::Free),
            5 => about(Kind::Counter),
            6 => about(Kind::Meta),
            8 => about(Kind::Node),
            10 => about(Kind::Link),
            // 7, 9, 11: in a file of its own. Our pages are too short for that.
            3 | 7 | 9 | 11 => Message::Foreign,
            _ => return None,
        };
        Some((message, header.len() + length))
    }

    /// How long a message at `offset` pretends to be, whatever its checksum is; 0: it does not even pretend to be one.
    pub(super) fn claimed_length(&self, offset: usize, number: u64) -> usize {
        self.claim(offset, number).map_or(0, |claim| claim.header.len() + claim.content.len())
    }

    fn claim(&self, offset: usize, number: u64) -> Option<Claim<'a>> {
        if !(HEADER..=SEGMENT - LONGEST_MESSAGE_HEADER).contains(&offset) {
            return None;
        }
        let whole = self.0.get(offset..)?;
        let mut cursor = Cursor::new(whole);
        let checksum = u32::from_le_bytes(cursor.array()?);
        let kind = cursor.byte()?;
        let length = usize::try_from(cursor.number()?).ok()?;
        let (of_segment, page) = (cursor.number()?, cursor.number()?);
        let header = whole.get(..whole.len() - cursor.left())?;
        let content = cursor.bytes(length)?;
        (of_segment == number).then_some(Claim { checksum, kind, page, header, content })
    }
}

/// What may be a message, before its checksum was looked at.
struct Claim<'a> {
    checksum: u32,
    kind: u8,
    page: u64,
    header: &'a [u8],
    content: &'a [u8],
}
