//! What became of one check of a piece of evidence.

use std::fmt;

/// The outcome of a check. There is no fourth: what was not checked cannot be taken for what was.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Check {
    /// It was checked and holds: what does.
    Verified(String),
    /// It was checked and does not hold: why not.
    Failed(String),
    /// It was not checked: why not.
    NotChecked(String),
}

impl Check {
    /// The outcome for programs: `verified`, `failed` or `not_checked`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Verified(_) => "verified",
            Self::Failed(_) => "failed",
            Self::NotChecked(_) => "not_checked",
        }
    }

    /// What holds, or the reason why not.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Verified(detail) | Self::Failed(detail) | Self::NotChecked(detail) => detail,
        }
    }
}

/// For people: `verified: …`, `FAILED: …` or `not checked: …`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified(what) => write!(f, "verified: {what}"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
            Self::NotChecked(why) => write!(f, "not checked: {why}"),
        }
    }
}
