//! Policies of pods as people write them, asked for what a real kubelet and a real containerd sent for these pods.
//!
//! `../recordings` has the pods, their images and what was sent; its README says how it was recorded.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod case;
#[path = "../requests/support/faults.rs"]
mod faults;
mod guest;
mod honest;
mod node;
mod open;
#[path = "../requests/support/runtime.rs"]
mod runtime;
mod same;
mod table;
mod unsupported;
mod variants;
