//! A place where the callbacks of TLS leave what they found.

use std::sync::{Arc, Mutex, PoisonError};

/// Carries one typed value out of a callback, past a TLS library that knows only its own errors.
#[derive(Debug)]
pub(super) struct Outcome<T>(Arc<Mutex<Option<T>>>);

impl<T> Outcome<T> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    /// Leaves `value`. The first one stays: what comes later follows from it.
    pub(super) fn leave(&self, value: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(value);
    }

    /// Takes what was left.
    pub(super) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Clone for Outcome<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
