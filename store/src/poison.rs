//! Remembering that a write failed half way.

use crate::backend_error::BackendError;
use std::sync::atomic::{AtomicBool, Ordering};

/// Part of an engine, not of a log: whoever opens a log anew on the same engine must not append either, for the
/// engine still has in memory what the disk may not have.
#[derive(Debug, Default)]
pub(crate) struct Poison(AtomicBool);

impl Poison {
    /// Runs an append, unless an earlier one has left doubt.
    pub(crate) fn guard(
        &self,
        append: impl FnOnce() -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(BackendError::Poisoned);
        }
        let outcome = append();
        if outcome.as_ref().is_err_and(BackendError::leaves_doubt) {
            self.0.store(true, Ordering::SeqCst);
        }
        outcome
    }
}
