//! `contrast set`: a new manifest for the deployment.

mod error;
mod transition;

use contrast_manifest::{ManifestDocument, SeedShares, WorkloadOwnerKey};
use contrast_proto::userapi::{SeedShareDocument, SetManifestRequest, SetManifestResponse};
use tonic::Code;

pub(super) use self::transition::given_or_remembered;
use self::{
    error::{Authority, SetError},
    transition::{previous_transition, remember},
};
use super::coordinator_of;
use crate::{
    arguments::SetOptions,
    coordinator::Coordinator,
    failure::Failure,
    inputs, output, policies,
    workspace::{self, Workspace},
};

/// Checks everything that can be checked here, then gives manifest and policies to the Coordinator.
pub(crate) async fn set(workspace: &Workspace, options: SetOptions) -> Result<(), Failure> {
    let document = inputs::manifest(workspace, options.target.manifest.as_deref())?;
    let key = inputs::workload_owner_key(workspace, options.workload_owner_key.as_deref())?;
    warn_of_lockout(&document, key.as_ref());
    let workloads = policies::find(&options.paths)?;
    let policies = policies::of_manifest(&workloads, document.manifest())?;
    let remembered = workspace.latest_transition()?;
    let previous = previous_transition(&options, remembered)?;
    let signature = match &options.signature {
        Some(path) => workspace::read(path)?,
        None => Vec::new(),
    };
    let authority = Authority::of(!signature.is_empty(), key.is_some());

    let identity = inputs::owner_identity(key.as_ref())?;
    let address =
        coordinator_of(&document, options.target.coordinator, identity, options.target.sources).await?;
    let request = SetManifestRequest {
        manifest: document.bytes().to_vec(),
        policies,
        previous_transition_hash: previous.map(Vec::from).unwrap_or_default(),
        signature,
    };
    let call = async |coordinator: &mut Coordinator| coordinator.set_manifest(request.clone()).await;
    let response = match Coordinator::connect_patiently(&address, options.timeout, call).await {
        Err(error) if error.refusal_code() == Some(Code::PermissionDenied) => {
            return Err(SetError::NotPermitted { source: error, authority }.into());
        }
        other => other?,
    };
    output::success("The manifest is set.");
    keep(workspace, &response)?;
    remember(workspace, &address, document.digest(), said_transition(&response), remembered).await
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

/// The transition that the Coordinator says it made; older ones say nothing.
fn said_transition(response: &SetManifestResponse) -> Option<[u8; 32]> {
    let latest = response.latest_transition.as_ref()?;
    latest.transition_hash.as_slice().try_into().ok()
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
    let salt =
        document.salt.as_slice().try_into().map_err(|_| SetError::Salt { found: document.salt.len() })?;
    let shares = document.seed_shares.iter().map(|share| contrast_manifest::SeedShare {
        public_key_hex: share.public_key.clone(),
        encrypted_seed: share.encrypted_seed.clone(),
    });
    Ok(SeedShares { shares: shares.collect(), salt })
}
