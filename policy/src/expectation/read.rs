//! Reads what a policy expects out of its own data.

use super::Expectations;
use crate::engine::Engine;

/// A policy does not say what it expects in a form that is known here.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum UnknownForm {
    /// Another program made it.
    #[error("the policy was not made by this program: it has no data that could be explained")]
    Foreign,
}

impl Expectations {
    /// What a policy expects.
    ///
    /// # Errors
    /// If the policy was not made by this program.
    pub fn of(_engine: &mut Engine) -> Result<Self, UnknownForm> {
        Err(UnknownForm::Foreign)
    }
}
