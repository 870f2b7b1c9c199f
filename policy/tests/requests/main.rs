//! Requests as they are sent, requests with faults, and what is said about them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod agreement;
mod cost;
mod explanations;
mod hostile;
mod runtime;
mod support;
mod words;
