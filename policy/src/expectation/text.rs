//! What a text may be.

use std::fmt;

use regex::Regex;
use serde_json::Value;

/// What a text of a request may be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Text {
    /// Exactly this.
    Is(String),
    /// What a regular expression of the agent's dialect finds. It is anchored if it says so.
    Matches(String),
    /// What a regular expression does not find.
    Unlike {
        /// The expression.
        pattern: String,
        /// What is wanted, in words.
        words: &'static str,
    },
    /// Exactly one of these.
    OneOf(Vec<String>),
    /// What the first container said that was of this form; all others say the same.
    Pinned {
        /// Which of the things that are remembered.
        pin: String,
        /// The form of the whole text: a regular expression.
        like: String,
        /// What stands before it.
        before: String,
        /// What stands after it.
        after: String,
    },
    /// Anything; the words say of what.
    Any(String),
}

impl Text {
    /// Whether a text is as expected. An expression that cannot be read finds nothing.
    #[must_use]
    pub fn admits(&self, text: &str) -> bool {
        match self {
            Self::Is(expected) => expected == text,
            Self::Matches(pattern) => Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)),
            Self::Unlike { pattern, .. } => Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text)),
            Self::Pinned { like, .. } => Self::Matches(like.clone()).admits(text),
            Self::OneOf(all) => all.iter().any(|one| one == text),
            Self::Any(_) => true,
        }
    }
}

impl Text {
    /// The text itself where it was pinned. `pins`: what the policy remembers, by name; an empty pin is none.
    pub(crate) fn pin(&mut self, pins: &Value) {
        if let Self::Pinned { pin, before, after, .. } = self
            && let Some(pinned) = pins.get(pin.as_str()).and_then(Value::as_str).filter(|pin| !pin.is_empty())
        {
            *self = Self::Is(format!("{before}{pinned}{after}"));
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Is(String::new())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Is(text.to_owned())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(text) => f.write_str(&quoted(text)),
            Self::Matches(pattern) => write!(f, "a text that matches {pattern}"),
            Self::Unlike { words, .. } => f.write_str(words),
            Self::Pinned { pin, like, .. } => {
                write!(f, "the same {} for all containers, a text that matches {like}", pin.replace('_', " "))
            }
            Self::OneOf(all) => {
                let all: Vec<_> = all.iter().map(|one| quoted(one)).collect();
                write!(f, "one of {}", all.join(", "))
            }
            Self::Any(what) => write!(f, "any {what}"),
        }
    }
}

/// A text as JSON has it, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Texts as a list of JSON.
pub(crate) fn quoted_list(texts: &[String]) -> String {
    Value::from(texts).to_string()
}
