//! Agent policies: what the agent in a pod's confidential VM does for the host, and why it refuses something.
//!
//! - [`Policy::generate`] makes a policy from a pod specification and from what is in its images: one text of rules (Rego) and data,
//!   which the guest enforces. The host may then start what the pod says, and nothing else. The text is the same whenever it is made,
//!   because its digest is the pod's identity in the manifest. `policy/rules` are the rules, the same for every pod.
//! - [`Engine`] evaluates requests of the host as the agent does, and [`judge`] says which comparison failed.
//! - [`explain`] and [`diff`] say in words what a policy allows, and what another one allows instead.
//!
//! This crate knows nothing of YAML files or registries.

mod check;
mod container;
mod data;
mod diff;
mod engine;
mod environment;
pub mod expectation;
mod explain;
mod identity;
pub mod initdata;
mod mounts;
mod naming;
mod problem;
pub mod request;
mod rights;
mod settings;
mod text;
mod workload;

pub use check::{Explanation, Judgement, Mismatch, Subject, judge};
pub use data::{FsGroup, Storage};
pub use diff::{Change, diff};
pub use engine::{
    Answer, Engine, EvaluationError, LoadError, MAX_LINE_LEN, MAX_POLICY_LEN, MAX_POLICY_LINES, Verdict,
};
pub use expectation::{Expectations, UnknownForm};
pub use explain::{Section, explain};
pub use identity::{needs_layers, needs_users};
pub use naming::Naming;
pub use problem::{Part, Place, Problem, Trouble};
pub use settings::{Settings, SettingsFault};
pub use text::Policy;
pub use workload::{Image, Layer, Workload};
