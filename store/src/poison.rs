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

    /// Whether an append has left doubt that was not cleared up.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The engine has been opened anew, so that it holds what the disk has.
    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend_error::EngineFailure;

    #[test]
    fn only_a_failure_that_leaves_doubt_ends_appending() {
        let poison = Poison::default();
        poison.guard(|| Err(BackendError::DiskFull)).unwrap_err();
        poison.guard(|| Ok(())).unwrap();
        let half_way = || BackendError::Write(EngineFailure::Panicked("in the middle".to_owned()));
        poison.guard(|| Err(half_way())).unwrap_err();
        let mut ran = false;
        let refused = poison.guard(|| {
            ran = true;
            Ok(())
        });
        assert!(matches!(refused, Err(BackendError::Poisoned)) && !ran && poison.is_set());
        poison.clear();
        poison.guard(|| Ok(())).unwrap();
    }
}
