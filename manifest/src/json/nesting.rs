//! How deep a text nests, found before anything follows it into the depth.

use std::fmt;

/// A place in a text, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The byte of the line.
    pub column: usize,
}

impl Place {
    /// The place of the byte `offset`.
    pub(crate) fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Self { line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// The first bracket that opens more than `deepest` levels. Takes one look at each byte, and no memory.
pub(crate) fn too_deep(text: &[u8], deepest: usize) -> Option<Place> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                if depth > deepest {
                    return Some(Place::of(text, offset));
                }
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_outside_of_strings_only() {
        assert_eq!(too_deep(br#"{"a[[[\"[[": [1, {"b": []}]}"#, 4), None);
        assert_eq!(too_deep(b"[[],\n [[]]]", 2), Some(Place { line: 2, column: 3 }));
        assert_eq!(too_deep(&vec![b'['; 100_000], 16), Some(Place { line: 1, column: 17 }));
    }
}
