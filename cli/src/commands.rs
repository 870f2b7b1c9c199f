//! The commands, one file each.

mod history;
mod recover;
mod set;
mod sign;
mod simulator;
mod verify;

use contrast_attestation::atls::Identity;
use contrast_manifest::{Audience, ManifestDocument};

pub(crate) use history::history;
pub(crate) use recover::recover;
pub(crate) use set::set;
pub(crate) use sign::sign;
pub(crate) use simulator::simulator;
pub(crate) use verify::verify;

use crate::coordinator::Address;

/// The Coordinator at `host_port`, which must be one that the manifest describes.
fn coordinator_of(document: &ManifestDocument, host_port: String, identity: Identity) -> Address {
    Address { host_port, verifiers: document.manifest().verifiers(Audience::Coordinator), identity }
}

/// The digits of a hash that tell it from others.
fn short(hash: &[u8; 32]) -> String {
    hex::encode(hash).chars().take(12).collect()
}
