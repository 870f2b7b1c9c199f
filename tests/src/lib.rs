//! Runs whole deployments on one machine, with the real programs: Coordinator, initializer and CLI on
//! 127.0.0.1, on simulated hardware.
//!
//! The demo, the end-to-end tests, the benchmark and the attack program use it. A failing step panics with what the program
//! printed: that is what they want to show.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a step of a test or of the demo that fails must stop it, with its reason"
)]

pub mod application;
pub mod attack;
mod cli;
mod client;
mod cluster;
mod coordinator;
mod deployment;
pub mod guide;
mod image_builder;
mod images;
mod installed;
mod loop_device;
mod manifest;
mod memory;
mod mesh;
pub mod narration;
mod network;
pub mod page;
mod pod;
mod processor;
mod programs;
mod registry;
mod release;
mod resources;
mod table;
mod tls;
mod tree;

pub use cli::Answer;
pub use client::Client;
pub use cluster::{Cluster, Containerd, OwnCluster};
pub use coordinator::{Coordinator, Ops};
pub use deployment::Deployment;
pub use image_builder::image_builder;
pub use images::{ContainerImage, image_replacements, project_images, write_layout};
pub use installed::{helm, kubernetes_validate};
pub use loop_device::{LoopDevice, search_path, with_own_mounts};
pub use manifest::{ManifestFile, policy_digest};
pub use mesh::Sidecar;
pub use network::{
    Network, PodNetwork, again_in_own_namespaces, envoy_folder, in_own_namespaces, is_in_own_namespaces,
    network_obstacle, own_namespaces,
};
pub use pod::{Pod, PodStatus};
pub use programs::{program, workspace_root};
pub use registry::Registry;
pub use release::UnpackedRelease;
pub use resources::Generated;
pub use table::{markdown_table, mib};
pub use tls::{MutualTls, mutual_tls};
