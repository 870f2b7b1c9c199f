//! Policies of whole pods, asked by an honest node and by one that is not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod agent;
mod generation;
mod honest;
mod nodes;
mod requests;
