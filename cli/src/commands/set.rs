//! `contrast set`: a new manifest for the deployment.

mod error;
mod transition;

use std::{path::Path, time::Instant};

use contrast_manifest::{ManifestDocument, SeedShares, WorkloadOwnerKey};
use contrast_proto::userapi::{SeedShareDocument, SetManifestRequest, SetManifestResponse};
use tonic::Code;

pub(super) use self::transition::given_or_remembered;
use self::{
    error::{Authority, SetError},
    transition::{Place, learn, somebody_was_first},
};
use super::{consent, coordinator_of};
use crate::{
    arguments::SetOptions,
    cluster,
    coordinator::{Coordinator, wire_consent},
    deployment::Known,
    failure::Failure,
    history::key_fingerprint,
    inputs, output, policies,
    workspace::{self, Workspace},
};

/// Checks everything that can be checked here, then gives manifest and policies to the Coordinator.
pub(crate) async fn set(workspace: &Workspace, options: SetOptions) -> Result<(), Failure> {
    let document = inputs::new_manifest(workspace, options.target.manifest.as_deref())?;
    let key = inputs::workload_owner_key(workspace, options.workload_owner_key.as_deref())?;
    warn_of_lockout(&document, key.as_ref());
    let workloads = policies::find(&options.paths)?;
    let policies = policies::of_manifest(&workloads, document.manifest())?;
    let known = Known::read(workspace)?;
    let place = Place::of(&options, known.memory())?;
    let signature = signature(options.signature.as_deref())?;
    let consent = options.seed_consent.as_deref().map(consent::read).transpose()?;
    let authority = Authority::of(!signature.is_empty(), key.is_some());

    let identity = inputs::owner_identity(key.as_ref())?;
    let begun = Instant::now();
    let way = cluster::reach_patiently(options.target.coordinator, &options.target.cluster, options.timeout)
        .await?;
    let address = coordinator_of(&document, way, identity, options.target.sources).await?;
    let patience = options.timeout.saturating_sub(begun.elapsed());
    let request = SetManifestRequest {
        manifest: document.bytes().to_vec(),
        policies,
        previous_transition_hash: place.previous().map(Vec::from).unwrap_or_default(),
        signature,
        seed_consent: consent.map(wire_consent),
        remembered_transition: known.transition().map(Vec::from).unwrap_or_default(),
    };
    let call = async |coordinator: &mut Coordinator| {
        let outcome = coordinator.set_manifest(request.clone()).await;
        // What follows one transition only cannot be set twice. Anything else could undo what another owner set since.
        outcome.map_err(|error| if place.previous().is_some() { error } else { error.with_unknown_outcome() })
    };
    let response = match Coordinator::connect_patiently(&address, patience, call).await {
        Err(error) if error.refusal_code() == Some(Code::PermissionDenied) => {
            let first = place == Place::First;
            return Err(SetError::NotPermitted { source: error, authority, first }.into());
        }
        Err(error) if place == Place::First && error.refusal_code() == Some(Code::FailedPrecondition) => {
            return Err(somebody_was_first(&address, error).await);
        }
        other => other?,
    };
    let fingerprint = key_fingerprint(&response.root_ca).map_err(|source| SetError::RootCa { source })?;
    known.refuse_other_root(fingerprint).map_err(|source| SetError::Elsewhere { source })?;
    let memory = learn(place, &known, &address, document.digest(), &response).await?;
    output::success("The manifest is set.");
    known.introduce(fingerprint);
    keep(workspace, &response)?;
    if let Some(memory) = memory {
        workspace.remember(memory)?;
        output::success(&format!("The latest transition is {}.", hex::encode(memory.latest)));
    }
    Ok(())
}

/// The detached signature in a file; empty if none is given.
fn signature(path: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let signature = workspace::read(path)?;
    if signature.is_empty() {
        return Err(SetError::EmptySignature { path: path.to_owned() }.into());
    }
    Ok(signature)
}

/// Tells of owners that could regret this manifest.
pub(super) fn warn_of_lockout(document: &ManifestDocument, key: Option<&WorkloadOwnerKey>) {
    let owners = &document.manifest().workload_owners;
    if owners.is_empty() {
        output::warning("the manifest names no workload owner: after this it can never be changed again.");
    } else if key.is_some_and(|key| !owners.contains_key(key.spki_der())) {
        output::warning(
            "your workload owner key is not among those of the manifest: you may lock yourself out.",
        );
    }
    if document.manifest().seedshare_owners.is_empty() {
        output::warning(
            "the manifest names no seed share owner: a restarted Coordinator can never be recovered.",
        );
    }
}

/// Writes down what the Coordinator gave.
fn keep(workspace: &Workspace, response: &SetManifestResponse) -> Result<(), Failure> {
    for (name, content) in [(workspace::ROOT_CA, &response.root_ca), (workspace::MESH_CA, &response.mesh_ca)]
    {
        workspace::write(&workspace.path(name), content)?;
    }
    if let Some(document) = &response.seed_shares_doc {
        let path = workspace.path(workspace::SEED_SHARES);
        let content = seed_shares(document)?.to_json();
        if let Some(kept) = workspace::set_aside(&path, content.as_bytes())? {
            output::warning(&format!(
                "the seed shares of another deployment were in {}; they are kept in {}.",
                path.display(),
                kept.display()
            ));
        }
        workspace::write(&path, content.as_bytes())?;
        output::success(&format!(
            "The encrypted seed is in {}. Keep it: `contrast recover` needs it.",
            path.display()
        ));
    }
    Ok(())
}

/// The seed shares of a response.
pub(super) fn seed_shares(document: &SeedShareDocument) -> Result<SeedShares, SetError> {
    let shares =
        document.seed_shares.iter().map(|share| (share.public_key.clone(), share.encrypted_seed.clone()));
    SeedShares::new(shares, &document.salt).map_err(SetError::SeedShares)
}
