//! What a deployment needs of a cluster, what it meets there, and what a node gets: on a real Kubernetes with one node
//! (`cargo xtask cluster`) and both versions of containerd. Takes root, as that does.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accidents;
mod faults;
mod guide;
mod nodes;
mod services;
mod shop;
mod storage;
mod world;
