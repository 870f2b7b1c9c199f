//! The commands, one file each.

mod collateral;
mod history;
mod recover;
mod set;
mod sign;
mod simulator;
mod verify;

use contrast_attestation::atls::Identity;
use contrast_manifest::{Audience, ManifestDocument};

pub(crate) use collateral::collateral;
pub(crate) use history::history;
pub(crate) use recover::recover;
pub(crate) use set::set;
pub(crate) use sign::sign;
pub(crate) use simulator::simulator;
pub(crate) use verify::verify;

use crate::{
    arguments::SourceOptions,
    collateral::{Collateral, CollateralError},
    coordinator::Address,
};

/// The Coordinator at `host_port`, which must be one that the manifest describes. What its appraisal needs of AMD
/// and Intel is fetched.
async fn coordinator_of(
    document: &ManifestDocument,
    host_port: String,
    identity: Identity,
    sources: SourceOptions,
) -> Result<Address, CollateralError> {
    let manifest = document.manifest();
    let collateral = Collateral::prepare(sources, manifest).await?;
    let verifiers = manifest.verifiers_with(Audience::Coordinator, &collateral.source());
    Ok(Address { host_port, verifiers, identity, collateral })
}

/// The digits of a hash that tell it from others.
fn short(hash: &[u8; 32]) -> String {
    hex::encode(hash).chars().take(12).collect()
}
