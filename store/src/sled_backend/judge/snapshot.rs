//! Sled's snapshot: where the messages about each page are.

use super::cursor::Cursor;
use super::segment::{MOST_WRITTEN, SEGMENT};

/// Length of the content and its CRC-32 stand at the end.
const TRAILER: usize = 12;

/// Where the last message is that a page is made of.
pub(super) struct Pointer {
    /// Where in the file.
    pub(super) offset: u64,
    /// Length of the message; `None`: the snapshot does not say.
    pub(super) length: Option<u64>,
    /// Number of the segment at that time.
    pub(super) segment: u64,
}

/// What a snapshot says.
#[derive(Default)]
pub(super) struct Snapshot {
    /// Up to where in all that was ever written it goes; 0: nothing was.
    pub(super) durable: u64,
    /// Number of pages.
    pub(super) pages: u64,
    /// All messages that pages are made of, by offset.
    pub(super) pointers: Vec<Pointer>,
}

impl Snapshot {
    /// Reads a snapshot; `None` where sled cannot have written it.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, trailer) = bytes.split_at_checked(bytes.len().checked_sub(TRAILER)?)?;
        let mut trailer = Cursor::new(trailer);
        let (length, checksum) = (u64::from_le_bytes(trailer.array()?), u32::from_le_bytes(trailer.array()?));
        if length != content.len() as u64 || checksum != crc32fast::hash(content) {
            return None;
        }
        let mut content = Cursor::new(content);
        // Both are one more than they say, 0 is none.
        let durable = u64::try_from(i64::from_le_bytes(content.array()?)).ok()?.saturating_sub(1);
        let active = content.number()?.checked_sub(1);
        let in_order = durable < MOST_WRITTEN
            && active.is_none_or(|active| active < MOST_WRITTEN && active % (SEGMENT as u64) == 0);
        let mut snapshot = Self { durable, ..Self::default() };
        while !content.is_empty() {
            match content.byte()? {
                0 => {
                    let at = content.array()?;
                    snapshot.pointers.push(pointer(at, &mut content)?);
                }
                messages => {
                    for _ in 0..messages {
                        let at = content.array()?;
                        let pointer = pointer(at, &mut content)?;
                        let length = Some(content.number()?);
                        snapshot.pointers.push(Pointer { length, ..pointer });
                    }
                }
            }
            snapshot.pages += 1;
        }
        snapshot.pointers.sort_unstable_by_key(|pointer| pointer.offset);
        (in_order && snapshot.apart()).then_some(snapshot)
    }

    /// Whether no two messages overlap: with the length of the file that bounds what can be asked for by them.
    fn apart(&self) -> bool {
        self.pointers.windows(2).all(|pair| match pair {
            [first, second] => first
                .offset
                .checked_add(first.length.unwrap_or(1).max(1))
                .is_some_and(|end| end <= second.offset),
            _ => true,
        })
    }
}

/// A message's place in all that was ever written, then its place in the file. Both are equally far into a segment.
fn pointer(written: [u8; 8], content: &mut Cursor<'_>) -> Option<Pointer> {
    let written = u64::try_from(i64::from_le_bytes(written)).ok()?;
    // 1: in a file of its own, which this program never lets sled write.
    let offset = content.byte().filter(|form| *form == 0).and_then(|_| content.number())?;
    let segment = SEGMENT as u64;
    (written < MOST_WRITTEN && offset < MOST_WRITTEN && written % segment == offset % segment)
        .then_some(Pointer { offset, length: None, segment: written / segment })
}
