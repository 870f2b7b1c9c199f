//! The commands, one file each.

mod attestation;
mod collateral;
mod completion;
mod consent;
mod generate;
mod history;
mod man;
mod manifest;
mod measure;
mod policy;
mod recover;
mod set;
mod sign;
mod simulator;
mod status;
mod verify;

use std::time::SystemTime;

use contrast_attestation::atls::Identity;
use contrast_manifest::{Audience, ManifestDocument};

pub(crate) use attestation::attestation;
pub(crate) use collateral::collateral;
pub(crate) use completion::completion;
pub(crate) use consent::consent;
pub(crate) use generate::{GenerateOptions, generate};
pub(crate) use history::history;
pub(crate) use man::man;
pub(crate) use manifest::{ManifestOptions, manifest};
pub(crate) use measure::{MeasureOptions, measure};
pub(crate) use policy::{PolicyOptions, policy};
pub(crate) use recover::recover;
pub(crate) use set::set;
pub(crate) use sign::sign;
pub(crate) use simulator::simulator;
pub(crate) use status::status;
pub(crate) use verify::verify;

use crate::{
    arguments::SourceOptions,
    cluster::Way,
    collateral::{Collateral, CollateralError},
    coordinator::Address,
    failure::Failure,
    history::{Checked, Contents, History},
    output::with_progress,
};

/// The Coordinator at the end of a way, which must be one that the manifest describes. What its appraisal needs of AMD
/// and Intel is fetched.
async fn coordinator_of(
    document: &ManifestDocument,
    way: Way,
    identity: Identity,
    sources: SourceOptions,
) -> Result<Address, CollateralError> {
    let manifest = document.manifest();
    let collateral = Collateral::prepare(sources, manifest).await?;
    let verifiers = manifest.verifiers_with(Audience::Coordinator, &collateral.source());
    Ok(Address { way, verifiers, identity, collateral })
}

/// Checks a history. It may be long.
async fn check(history: History, contents: Contents) -> Result<(History, Checked), Failure> {
    aside("Checking the history", move || {
        let checked = history.check(contents, SystemTime::now())?;
        Ok((history, checked))
    })
    .await
}

/// Does what keeps a processor or a disk busy on a thread of its own, so that a spinner can turn and an
/// interruption is noticed.
async fn aside<T: Send + 'static>(
    message: &str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let outcome = with_progress(message, async |_| tokio::task::spawn_blocking(work).await).await;
    outcome.unwrap_or_else(|error| {
        Err(Failure::from_system("a part of the program ended too early", error.into()))
    })
}

/// The digits of a hash that tell it from others.
fn short(hash: &[u8; 32]) -> String {
    hex::encode(hash).chars().take(12).collect()
}
