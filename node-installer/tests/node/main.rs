//! The whole program on a node that is a folder with a bus and a make-believe containerd: what it leaves, whatever goes wrong, and wherever it
//! is killed. (On a real node: the cluster's tests.)
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod accidents;
mod containerd;
mod killed;
mod life;
mod systemd;
mod world;

/// What nodes of a test have.
const VERSION_3: &str = include_str!("../../src/containerd/document/samples/version-4.toml");
