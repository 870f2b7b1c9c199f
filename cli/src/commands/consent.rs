//! `contrast consent`: a seed share owner agrees that Coordinators under a manifest's policies are given the seed.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use contrast_attestation::atls::Identity;
use contrast_manifest::{KeyFileError, ManifestDocument, SeedConsent, transition_hash};

use super::{check, coordinator_of, set::given_or_remembered, verify::refuse_other_manifest};
use crate::{
    arguments::ConsentOptions,
    cluster,
    coordinator::{Coordinator, Extent},
    deployment::Known,
    failure::{Advice, Failure},
    history::Contents,
    inputs, output,
    workspace::{self, Workspace},
};

/// Consent cannot be made or read.
#[derive(thiserror::Error, Debug)]
pub(crate) enum ConsentError {
    /// The key does not sign.
    #[error("the seed share owner's key cannot sign: {0}")]
    Key(#[from] KeyFileError),
    /// The file holds something else.
    #[error("{} does not hold a consent", path.display())]
    File { path: PathBuf, source: serde_json::Error },
    /// The key is not among those of the manifest.
    #[error("the key is not one of the manifest's seed share owners")]
    NotAnOwner,
}

impl Advice for ConsentError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Key(_) => "give the right private key file".into(),
            Self::File { .. } => "make it with `contrast consent --out FILE`".into(),
            Self::NotAnOwner => "give --seedshare-owner-key of an owner that the manifest names".into(),
        })
    }
}

/// Consents to the local manifest: as the current one of a Coordinator, or, in a file, as the next one.
pub(crate) async fn consent(workspace: &Workspace, options: ConsentOptions) -> Result<(), Failure> {
    let document = inputs::manifest(workspace, options.manifest.as_deref())?;
    let key = inputs::seedshare_owner_key(workspace, options.seedshare_owner_key.as_deref())?;
    if !document.manifest().seedshare_owners.contains(key.owner()) {
        return Err(ConsentError::NotAnOwner.into());
    }
    let policies: Vec<_> = document.manifest().coordinator_policies().collect();
    let sign = |transition| key.consent(transition, policies.clone()).map_err(ConsentError::Key);
    match (options.coordinator, options.out) {
        (Some(coordinator), _) => {
            let known = Known::read(workspace)?;
            let way = cluster::reach(coordinator, &options.cluster).await?;
            let address = coordinator_of(&document, way, Identity::Fresh, options.sources).await?;
            let mut coordinator = Coordinator::connect(&address).await?;
            let history = coordinator.history(Extent::Everything).await?;
            let (history, checked) = check(history, Contents::Required).await?;
            known.refuse_other(&history, &checked)?;
            refuse_other_manifest(&document, &checked, &workspace.verify_dir())?;
            coordinator.give_seed_consent(sign(checked.latest_transition)?).await?;
            output::success("The consent is part of the history.");
        }
        // The command line has one of the two.
        (None, out) => {
            let out = out.unwrap_or_default();
            let remembered = workspace.latest_transition()?;
            let previous = given_or_remembered(options.latest_transition, remembered);
            let consent = sign(transition_hash(document.digest(), previous))?;
            workspace::write(&out, text(&consent).as_bytes())?;
            output::success(&format!("The consent is in {}.", out.display()));
        }
    }
    announce(&document);
    Ok(())
}

/// The consent in a file.
pub(super) fn read(path: &Path) -> Result<SeedConsent, Failure> {
    let bytes = workspace::read(path)?;
    let parsed = serde_json::from_slice(&bytes);
    parsed.map_err(|source| ConsentError::File { path: path.to_owned(), source }.into())
}

fn text(consent: &SeedConsent) -> String {
    // Texts under fixed names always have a JSON form.
    serde_json::to_string_pretty(consent).unwrap_or_default() + "\n"
}

fn announce(document: &ManifestDocument) {
    for policy in document.manifest().coordinator_policies() {
        output::note(&format!(
            "A Coordinator under policy {}, on hardware that the manifest's reference values accept, may be given \
             the seed.",
            hex::encode(policy)
        ));
    }
}
