//! `contrast status` and `-c kubernetes`, against a real API server, by somebody whose rights are taken away one by one.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod place;
mod restart;
mod rights;
mod rules;
