//! Entries that say something about the entry after them: long names of GNU, and records of POSIX.

use super::header::Header;

/// What was said about the next entry.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    seen: bool,
}

impl Extensions {
    pub(super) fn is_empty(&self) -> bool {
        !self.seen
    }

    /// Adds what an extension with this content says; nothing if it is malformed.
    pub(super) fn add(&mut self, header: &Header, content: Vec<u8>) -> Option<()> {
        match header.flag() {
            // Global records are about nothing that is looked at here; Go ignores them as well.
            b'g' => return records(&content, |_, _| Some(())),
            b'L' => self.path = Some(until_nul(content)),
            b'K' => self.link = Some(until_nul(content)),
            _ => records(&content, |key, value| self.record(key, value))?,
        }
        self.seen = true;
        Some(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        // An empty value takes an earlier one back.
        let text = || (!value.is_empty()).then(|| value.to_vec());
        let number = || match value {
            b"" => Some(None),
            value => std::str::from_utf8(value).ok()?.parse().ok().map(Some),
        };
        match key {
            // Names with a NUL mean different things to different programs.
            b"path" | b"linkpath" if value.contains(&0) => return None,
            b"path" => self.path = text(),
            b"linkpath" => self.link = text(),
            b"size" => self.size = number()?,
            b"uid" => self.uid = number()?,
            b"gid" => self.gid = number()?,
            _ => {}
        }
        Some(())
    }
}

/// Records are `LENGTH KEY=VALUE` and a newline; the length counts all of it.
fn records(mut rest: &[u8], mut each: impl FnMut(&[u8], &[u8]) -> Option<()>) -> Option<()> {
    while !rest.is_empty() {
        let space = rest.iter().take(20).position(|byte| *byte == b' ')?;
        let (digits, _) = rest.split_at(space);
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let (record, after) = rest.split_at_checked(length)?;
        let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = record.split_at(equals);
        each(key, value.get(1..)?)?;
        rest = after;
    }
    Some(())
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}
