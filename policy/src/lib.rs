//! Agent policies: what the agent in a pod's confidential VM does for the host.
//!
//! From a pod specification and what is in its images to one text of rules (Rego) and data, which the guest enforces: the host
//! may then start what the pod says, and nothing else. The text is the same whenever it is made, because its digest is the
//! pod's identity in the manifest. `policy/rules` are the rules, [`Policy::generate`] makes the data.
//!
//! This crate knows nothing of YAML files or registries.

mod container;
mod data;
mod environment;
mod identity;
pub mod initdata;
mod mounts;
mod naming;
mod problem;
mod rights;
mod settings;
mod text;
mod workload;

pub use identity::needs_users;
pub use naming::Naming;
pub use problem::{Place, Problem, Trouble};
pub use settings::Settings;
pub use text::{MAX_BYTES, MAX_LINE, MAX_LINES, Policy};
pub use workload::{Image, Workload};
