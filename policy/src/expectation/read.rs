//! Reads what a policy expects out of its own data.

use serde_json::Value;

use super::Expectations;
use crate::engine::Engine;

/// The rule whose value is what a policy expects.
const RULE: &str = "expectations";

/// A policy does not say what it expects in a form that is known here.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum UnknownForm {
    /// Another program made it.
    #[error("the policy was not made by this program: it has no rule {RULE}")]
    Foreign,
    /// Another version of this program made it.
    #[error("the policy's rule {RULE} is in a form that this program does not know: {reason}")]
    Version {
        /// What is not as expected, in the words of the reader of JSON.
        reason: String,
    },
}

impl Expectations {
    /// What a policy expects.
    ///
    /// # Errors
    /// If the policy was not made by this program, or by another version with another form.
    pub fn of(engine: &mut Engine) -> Result<Self, UnknownForm> {
        match engine.rule(RULE, Value::Null) {
            Ok(value @ Value::Object(_)) => serde_json::from_value(value)
                .map_err(|error| UnknownForm::Version { reason: error.to_string() }),
            _ => Err(UnknownForm::Foreign),
        }
    }
}
