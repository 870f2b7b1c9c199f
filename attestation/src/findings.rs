//! What speaks against a piece of evidence: told, or only counted.

use std::fmt::{self, Display, Write as _};

use crate::Cause;

/// Longest text of one part of a finding, in bytes. The longest that is not somebody's invention, a PCK status with its
/// advisories, has some 600; a name in a stranger's certificate may have as many as the certificate.
const MAX_TEXT: usize = 2048;

/// One thing that is wrong with a piece of evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind of fault it is.
    pub cause: Cause,
    /// What was looked at, in the words of the platform's specification: `report field HOST_DATA`,
    /// `reported TCB part SNP`, `VCEK certificate validity`.
    pub field: String,
    /// What the reference values, or the specification, ask for.
    pub expected: String,
    /// What the evidence says.
    pub found: String,
}

impl Finding {
    pub(crate) fn new(
        cause: Cause,
        field: impl Display,
        expected: impl Display,
        found: impl Display,
    ) -> Self {
        Self { cause, field: text(field), expected: text(expected), found: text(found) }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
}

/// Where a judge puts what does not fit. A manifest can have thousands of entries, and nobody reads what all of them have
/// against a stranger: so findings are first counted, and put into words for the nearest entries only.
pub struct Findings {
    count: usize,
    /// `None` where they are only counted.
    told: Option<Vec<Finding>>,
}

impl Findings {
    /// None yet, and each will be put into words.
    #[must_use]
    pub fn telling() -> Self {
        Self { count: 0, told: Some(Vec::new()) }
    }

    /// None yet, and each will be counted.
    #[must_use]
    pub fn counting() -> Self {
        Self { count: 0, told: None }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether nothing speaks against the evidence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What was told, in the order of the checks. Empty where it was only counted.
    #[must_use]
    pub fn into_told(self) -> Vec<Finding> {
        self.told.unwrap_or_default()
    }

    pub(crate) fn are_told(&self) -> bool {
        self.told.is_some()
    }

    /// Adds one that already has its words, or will have them where they are asked for.
    pub(crate) fn put(&mut self, finding: impl FnOnce() -> Finding) {
        self.count += 1;
        if let Some(told) = &mut self.told {
            told.push(finding());
        }
    }

    pub(crate) fn add(
        &mut self,
        cause: Cause,
        field: impl Display,
        expected: impl Display,
        found: impl Display,
    ) {
        self.put(|| Finding::new(cause, field, expected, found));
    }

    /// Adds one if two fields differ.
    pub(crate) fn bytes(&mut self, cause: Cause, field: impl Display, expected: &[u8], found: &[u8]) {
        if expected != found {
            self.add(cause, field, Hex(expected), Hex(found));
        }
    }
}

/// Bytes in hexadecimal, written only if somebody reads them.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// At most [`MAX_TEXT`] bytes of it.
fn text(words: impl Display) -> String {
    let mut short = Short(String::new());
    if write!(short, "{words}").is_err() {
        short.0.push('…');
    }
    short.0
}

/// Takes no more than [`MAX_TEXT`] bytes.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        let room = MAX_TEXT.saturating_sub(self.0.len());
        let fits = words.get(..words.floor_char_boundary(room)).unwrap_or_default();
        self.0.push_str(fits);
        if fits.len() == words.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_counted_is_not_put_into_words() {
        struct Unread;
        impl Display for Unread {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("nobody asked")
            }
        }
        let mut findings = Findings::counting();
        findings.add(Cause::Measurement, Unread, Unread, Unread);
        findings.bytes(Cause::Measurement, Unread, &[1], &[1]);
        assert_eq!((findings.count(), findings.into_told()), (1, vec![]));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(text("ü".repeat(MAX_TEXT / 2)), "ü".repeat(MAX_TEXT / 2));
        let long = text(format_args!("x{}", "ü".repeat(MAX_TEXT)));
        assert_eq!(long, format!("x{}…", "ü".repeat(MAX_TEXT / 2 - 1)));
    }
}
