//! The border to the engine: nothing that it throws gets past it.

use crate::backend_error::{BackendError, Damage, EngineFailure};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs an operation of the engine. Sled panics at some places where it meets damaged data; after that the engine is
/// only dropped, or asked again with the same care.
pub(super) fn guarded<T>(operation: impl FnOnce() -> Result<T, ::sled::Error>) -> Result<T, EngineFailure> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(::sled::Error::Io(source))) => Err(EngineFailure::Io(source)),
        Ok(Err(other)) => Err(EngineFailure::Sled(other)),
        Err(payload) => Err(EngineFailure::Panicked(message(payload.as_ref()))),
    }
}

/// What a failed read means: the disk does not answer, or answers with something else than was written.
pub(super) fn reading(failure: EngineFailure) -> BackendError {
    match failure {
        io @ EngineFailure::Io(_) => BackendError::Read(io),
        other => Damage::Engine(other).into(),
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text =
        payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").lines().next().unwrap_or_default().to_owned()
}
