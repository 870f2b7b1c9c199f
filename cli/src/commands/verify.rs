//! `contrast verify`: what an outsider needs to trust a deployment.

use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};

use contrast_attestation::atls::Identity;
use contrast_manifest::ManifestDocument;

use super::{aside, check, coordinator_of, short};
use crate::{
    arguments::VerifyOptions,
    coordinator::{Coordinator, Extent},
    deployment::Known,
    failure::{Advice, Failure},
    history::{Checked, Contents, History, write_folder},
    inputs, output,
    workspace::Workspace,
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
        })
    }
}

/// Attests the Coordinator, checks its history, writes it down and compares the current manifest.
pub(crate) async fn verify(workspace: &Workspace, options: VerifyOptions) -> Result<(), Failure> {
    let document = inputs::manifest(workspace, options.target.manifest.as_deref())?;
    let known = Known::read(workspace)?;
    let target = options.target;
    let address = coordinator_of(&document, target.coordinator, Identity::Fresh, target.sources).await?;
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

    let folder = workspace.verify_dir();
    let (history, checked) = aside("Writing the history", {
        let folder = folder.clone();
        move || {
            write_folder(&folder, &history, &checked)?;
            Ok((history, checked))
        }
    })
    .await?;
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
    output::success(&format!("Written to {}", folder.display()));
    refuse_other_manifest(&document, &checked, folder)?;
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

pub(super) fn refuse_other_manifest(
    local: &ManifestDocument,
    checked: &Checked,
    folder: PathBuf,
) -> Result<(), VerifyError> {
    let (found, local) = (checked.current_manifest, local.digest());
    if found == local { Ok(()) } else { Err(VerifyError::OtherManifest { found, local, folder }) }
}
