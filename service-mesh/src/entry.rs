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
    /// Not three parts.
    #[error(
        "entry {number}, {text:?}, has {found} parts with `#` between them; it must have three: {wanted}"
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

/// The entries of a list with their numbers, each in three parts.
pub(crate) fn entries<'t>(
    text: &'t str,
    wanted: &'static str,
) -> Result<Vec<(usize, [&'t str; 3])>, EntryError> {
    if text.len() > MAX_LEN {
        return Err(EntryError::TooLong(text.len()));
    }
    let pieces: Vec<_> = text.split("##").filter(|piece| !piece.is_empty()).collect();
    if pieces.len() > MAX_ENTRIES {
        return Err(EntryError::TooMany(pieces.len()));
    }
    let entry = |(number, piece): (usize, &'t str)| {
        let parts: Vec<_> = piece.split('#').collect();
        let Ok(parts) = <[&str; 3]>::try_from(parts.as_slice()) else {
            return Err(EntryError::Parts { number, text: shortened(piece), found: parts.len(), wanted });
        };
        let [name, ..] = parts;
        if name.is_empty() {
            return Err(EntryError::Nameless { number, text: shortened(piece) });
        }
        Ok((number, parts))
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
