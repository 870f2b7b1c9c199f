//! The Coordinator's heart without its APIs: decisions, the fold, and an engine that fails.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod decisions;
mod faults;
mod fold;
mod hand_over;
mod recovery;
mod support;
