//! `contrast verify`: what an outsider needs to trust a deployment.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use contrast_attestation::atls::Identity;
use contrast_manifest::ManifestDocument;

use super::{aside, check, coordinator_of, short};
use crate::{
    arguments::VerifyOptions,
    cluster,
    coordinator::{Coordinator, Extent},
    deployment::Known,
    failure::{Advice, Failure},
    history::{Checked, Contents, History, Setting, setting_table, write_folder},
    inputs, output,
    workspace::{self, Memory, Workspace},
};

/// The deployment is not the one that the user expects.
#[derive(thiserror::Error, Debug)]
pub(crate) enum VerifyError {
    /// The current manifest is another one.
    #[error(
        "the Coordinator's current manifest (SHA-256 {}) is not the local one ({})",
        short(found),
        short(local)
    )]
    OtherManifest {
        /// SHA-256 of the Coordinator's.
        found: [u8; 32],
        /// SHA-256 of the local one.
        local: [u8; 32],
        /// The folder with the Coordinator's.
        folder: PathBuf,
    },
    /// The history goes on after what the user accepts.
    #[error(
        "the history ends with the transition {} and not with {}, which you accept: it is another one, or went on since",
        hex::encode(found),
        hex::encode(accepted)
    )]
    OtherHistory {
        /// Its latest transition.
        found: [u8; 32],
        /// The accepted one.
        accepted: [u8; 32],
    },
    /// Others set manifests that were not looked at.
    #[error(
        "the history has manifests that this workspace has not seen, besides the local one ({number} of them)"
    )]
    Unseen {
        /// How many.
        number: usize,
        /// The latest transition.
        latest: [u8; 32],
        /// The folder with all of them.
        folder: PathBuf,
    },
}

impl Advice for VerifyError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::OtherManifest { folder, .. } => format!(
                "compare your manifest with the last manifest.N.json in {}, or see what changed with `contrast history --offline {} --diff N M`",
                folder.display(),
                folder.display()
            )
            .into(),
            Self::OtherHistory { .. } => "read what is new, and accept the transition that the history ends with".into(),
            Self::Unseen { latest, folder, .. } => format!(
                "whoever a manifest lists has had the deployment's secrets since. Read the manifests named above in {}; if \
                 you agree with all of them, repeat with --accept-history {}",
                folder.display(),
                hex::encode(latest)
            )
            .into(),
        })
    }
}

/// Attests the Coordinator, checks its history, compares it with what is known, and writes it down.
pub(crate) async fn verify(workspace: &Workspace, options: VerifyOptions) -> Result<(), Failure> {
    let document = inputs::manifest(workspace, options.target.manifest.as_deref())?;
    let known = Known::read(workspace)?;
    let target = options.target;
    let way = cluster::reach(target.coordinator, &target.cluster).await?;
    let address = coordinator_of(&document, way, Identity::Fresh, target.sources).await?;
    let mut coordinator = Coordinator::connect(&address).await?;
    output::success("The Coordinator's evidence fits the manifest.");
    let history = match (coordinator.history(Extent::Everything).await, known.transition()) {
        (Err(error), Some(remembered)) if error.says_that_there_is_no_manifest() => {
            return Err(known.rolled_back(remembered).into());
        }
        (outcome, _) => outcome?,
    };
    let (history, checked) = check(history, Contents::Required).await?;
    known.refuse_other(&history, &checked)?;
    output::success(&format!(
        "The history holds together and every transition is signed (events: {}, manifests: {}, policies: {}).",
        history.records.len(),
        history.manifests().count(),
        history.policies().len()
    ));
    tell_of_the_seed(&history, &checked);
    match known.has_root() {
        true => {
            output::success("The deployment is the one that this workspace knows, by the key of its root CA.")
        }
        false => known.introduce(checked.root_fingerprint),
    }
    let unseen = history.settings_after(&options.accept_history.unwrap_or_else(|| known.seen()));
    if !unseen.is_empty() {
        output::result(&format!("Not seen by this workspace before:\n{}", setting_table(&unseen)));
    }
    let objection = objection(&document, &checked, options.accept_history, &unseen, workspace.unseen_dir());
    // Nothing is remembered of a deployment before everything was compared.
    let folder = if objection.is_some() { workspace.unseen_dir() } else { workspace.verify_dir() };
    let latest = checked.latest_transition;
    write_aside(folder.clone(), history, checked).await?;
    output::success(&format!("Written to {}", folder.display()));
    if let Some(objection) = objection {
        return Err(objection.into());
    }
    workspace.remember(Memory::all_seen(latest))?;
    workspace::remove_folder(&workspace.unseen_dir())?;
    output::success("The current manifest is the local one, byte for byte.");
    output::result(
        "Now review the manifests and policies: who may do what is written there and nowhere else.\n",
    );
    Ok(())
}

/// Whoever was given the seed can compute every secret of the deployment, for ever.
fn tell_of_the_seed(history: &History, checked: &Checked) {
    let mut by_policy = BTreeMap::new();
    for (handed, time) in history.hand_overs() {
        let entry = by_policy.entry(handed.policy).or_insert((0_usize, String::new(), handed));
        *entry = (entry.0 + 1, time, handed);
    }
    for (policy, (times, last, handed)) in by_policy {
        output::warning(&format!(
            "the seed was given to a Coordinator under policy {} (times: {times}, last: {last}, on {}, accepted by {}).",
            hex::encode(policy),
            handed.platform.name(),
            handed.accepted_by
        ));
    }
    for policy in &checked.without_consent {
        output::note(&format!(
            "Policy {} has the role `coordinator`, but no peer is given the seed under it before a seed share owner \
             consents (`contrast consent`).",
            hex::encode(policy)
        ));
    }
}

/// What speaks against the history. `unseen` are its manifests that nobody accepted; `folder` is where they will be.
fn objection(
    local: &ManifestDocument,
    checked: &Checked,
    accepted: Option<[u8; 32]>,
    unseen: &[Setting<'_>],
    folder: PathBuf,
) -> Option<VerifyError> {
    if let Err(objection) = refuse_other_manifest(local, checked, &folder) {
        return Some(objection);
    }
    let (local, latest) = (local.digest(), checked.latest_transition);
    if let Some(accepted) = accepted
        && accepted != latest
    {
        return Some(VerifyError::OtherHistory { found: latest, accepted });
    }
    let number = unseen.iter().filter(|setting| setting.set.manifest != local).count();
    (number > 0).then_some(VerifyError::Unseen { number, latest, folder })
}

/// Refuses a history whose current manifest is not the local one. `folder` is where the Coordinator's will be.
pub(super) fn refuse_other_manifest(
    local: &ManifestDocument,
    checked: &Checked,
    folder: &Path,
) -> Result<(), VerifyError> {
    let (found, local, folder) = (checked.current_manifest, local.digest(), folder.to_owned());
    if found == local { Ok(()) } else { Err(VerifyError::OtherManifest { found, local, folder }) }
}

async fn write_aside(folder: PathBuf, history: History, checked: Checked) -> Result<(), Failure> {
    aside("Writing the history", move || Ok(write_folder(&folder, &history, &checked)?)).await
}
