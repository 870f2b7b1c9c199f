//! Where in a JSON text a value stands.

use std::fmt;

/// Longest part of an unknown member name that a path repeats, in characters.
const LONGEST_NAME: usize = 80;

/// The way from the top of a JSON text to a value: `ReferenceValues.snp[0].MinimumTCB.SNPVersion`,
/// `Policies["<hash>"].SANs[1]`. The top itself is the empty path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct JsonPath(String);

impl JsonPath {
    /// The text of the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a member of an object with fixed members. Other names are quoted.
    pub(crate) fn field(&self, name: &str) -> Self {
        let plain =
            !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(|c| c.is_ascii_alphanumeric());
        if !plain {
            return self.key(name);
        }
        let dot = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{dot}{name}", self.0))
    }

    /// The path of a member of a map.
    pub(crate) fn key(&self, key: &str) -> Self {
        let mut shown: String = key.chars().take(LONGEST_NAME).collect();
        if shown.len() < key.len() {
            shown.push('…');
        }
        Self(format!("{}[{shown:?}]", self.0))
    }

    /// The path of an element of a list.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_spelled_as_the_documentation_spells_them() {
        let top = JsonPath::default();
        assert_eq!(top.field("ReferenceValues").field("snp").index(0).as_str(), "ReferenceValues.snp[0]");
        assert_eq!(top.field("Policies").key("ab12").field("SANs").as_str(), "Policies[\"ab12\"].SANs");
    }

    #[test]
    fn a_name_from_outside_can_neither_break_the_line_nor_fill_the_screen() {
        let path = JsonPath::default().field("a\nb").key(&"x".repeat(100_000));
        assert!(!path.as_str().contains('\n'));
        assert!(path.as_str().len() < 200);
    }
}
