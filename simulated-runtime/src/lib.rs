//! The OCI runtime of the simulated platform: what an agent in a guest would do for a pod, it does on the node, in front of `runc`.
//! Nothing of such a pod is confidential.
//!
//! containerd's own shim calls it as it calls `runc` ([`command_line`]). What the call means is turned into the requests that Kata's
//! runtime would send to the agent ([`requests`]) and put to the pod's policy, whose memory is kept for the life of the pod ([`pod`]). What the
//! policy allows, `runc` does; what it does not allow is refused with the reason ([`denial`]), which arrives in the pod's events.
//!
//! For each pod a process of its own signs evidence with the node's simulated processor ([`signer`]). What a pod can ask for is report data; its
//! host data is the digest of the annotation that its sandbox was made with.
//!
//! `docs/simulated.md` says what is enforced and what is not.

mod actions;
pub mod command_line;
pub mod configuration;
pub mod denial;
mod failure;
mod incoming;
mod mounts;
mod network;
mod node;
pub mod pod;
mod policy;
mod report;
pub mod requests;
mod runc;
pub mod signer;

pub use actions::run;
pub use failure::Failure;
pub use policy::{PodPolicy, PolicyError};
