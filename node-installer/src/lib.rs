//! Puts the runtime of confidential pods on a node, and takes it away again.
//!
//! It changes a machine on which other pods depend, as root. So nothing is in use before it is whole, containerd says what it makes of
//! a configuration before it is in place, and one that containerd does not come back with is taken back. Every step can be
//! repeated: a run that is killed anywhere is finished by the next.

pub mod configuration;
pub mod containerd;
pub mod cri;
pub mod files;
pub mod host;
pub mod install;
pub mod integrity;
pub mod node;
pub mod platform;
pub mod processor;
pub mod systemd;
pub mod target;
pub mod uninstall;
mod versions;
