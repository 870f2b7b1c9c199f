//! What several tests need.

pub(crate) mod expected;
pub(crate) mod faults;
pub(crate) mod honest;
pub(crate) mod open;
pub(crate) mod policy;
pub(crate) mod runtime;
