//! What a deployment needs of a cluster, on the test cluster with both versions of containerd.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod services;
mod storage;
mod world;
