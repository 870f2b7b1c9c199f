//! What a deployment needs of a cluster, on the test cluster with both versions of containerd.

mod services;
mod storage;
mod world;
