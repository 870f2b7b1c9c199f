//! The program in front of a real `runc`, with a real policy: a pod's sandbox and container as containerd makes them. Takes root.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accidents;
mod commands;
mod denials;
mod evidence;
mod hostile;
mod node;
mod pod;
mod streams;
