//! What several tests need.

pub(crate) mod faults;
pub(crate) mod runtime;
