//! From ordinary resources to resources for confidential pods, each with a policy, and a manifest that names them.
//!
//! The way of one workload goes straight: document, workload, patched workload, image facts, policy, annotation, entry of the
//! manifest. Only [`outcome`] writes files.

pub(crate) mod delivery;
mod error;
pub(crate) mod finding;
pub(crate) mod function;
pub(crate) mod images;
pub(crate) mod inject;
pub(crate) mod manifest;
pub(crate) mod outcome;
pub(crate) mod owner_keys;
pub(crate) mod platform;
pub(crate) mod policies;
pub(crate) mod resources;
pub(crate) mod runtimes;
pub(crate) mod settings;
pub(crate) mod verifiers;

pub(crate) use error::GenerateError;

/// The name of the Coordinator's Service.
pub(crate) const COORDINATOR: &str = "coordinator";
