//! Lists, entries and their parts.

/// Longest text that is read, in bytes: Kubernetes takes no more for all annotations of a pod.
pub const MAX_LEN: usize = 256 << 10;
/// Most entries of a list.
pub const MAX_ENTRIES: usize = 1024;
/// Of a text that is quoted in an error, in characters.
const QUOTED: usize = 100;

/// Something is wrong with the list, or with the parts of an entry.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum EntryError {
    /// More text than any list has.
    #[error("the list has {0} bytes; at most {MAX_LEN} are read")]
    TooLong(usize),
    /// More entries than any pod has.
    #[error("the list has {0} entries; at most {MAX_ENTRIES} are read")]
    TooMany(usize),
    /// Too few parts, or too many.
    #[error(
        "entry {number}, {text:?}, has {found} parts with `#` between them; it must have the form {wanted}"
    )]
    Parts {
        /// Which, from 1.
        number: usize,
        /// The entry.
        text: String,
        /// How many it has.
        found: usize,
        /// What they are.
        wanted: &'static str,
    },
    /// An entry without a name.
    #[error("entry {number}, {text:?}, has no name before the first `#`; give it one")]
    Nameless {
        /// Which, from 1.
        number: usize,
        /// The entry.
        text: String,
    },
}

/// An entry.
pub(crate) struct Entry<'t> {
    /// Which, from 1.
    pub(crate) number: usize,
    /// The parts that each entry has; the first one is its name.
    pub(crate) parts: [&'t str; 3],
    /// A part that only some have.
    pub(crate) more: Option<&'t str>,
}

/// The entries of a list. `may_have_more`: whether an entry may have a fourth part.
pub(crate) fn entries<'t>(
    text: &'t str,
    may_have_more: bool,
    wanted: &'static str,
) -> Result<Vec<Entry<'t>>, EntryError> {
    if text.len() > MAX_LEN {
        return Err(EntryError::TooLong(text.len()));
    }
    let pieces: Vec<_> = text.split("##").filter(|piece| !piece.is_empty()).collect();
    if pieces.len() > MAX_ENTRIES {
        return Err(EntryError::TooMany(pieces.len()));
    }
    let entry = |(number, piece): (usize, &'t str)| {
        let all: Vec<_> = piece.split('#').collect();
        let (parts, more) = match *all.as_slice() {
            [name, second, third] => ([name, second, third], None),
            [name, second, third, more] if may_have_more => ([name, second, third], Some(more)),
            _ => {
                return Err(EntryError::Parts { number, text: shortened(piece), found: all.len(), wanted });
            }
        };
        if parts.first().is_some_and(|name| name.is_empty()) {
            return Err(EntryError::Nameless { number, text: shortened(piece) });
        }
        Ok(Entry { number, parts, more })
    };
    (1..).zip(pieces).map(entry).collect()
}

/// A number of 16 bits, in decimal digits alone.
pub(crate) fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A number of a port: not 0.
pub(crate) fn port(text: &str) -> Option<u16> {
    number(text).filter(|port| *port > 0)
}

/// The beginning of a text, for an error.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}
