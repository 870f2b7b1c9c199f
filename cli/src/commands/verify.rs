//! `contrast verify`: what an outsider needs to trust a deployment.

use std::{borrow::Cow, path::PathBuf, time::SystemTime};

use contrast_attestation::atls::Identity;
use contrast_manifest::ManifestDocument;

use super::{coordinator_of, short};
use crate::{
    arguments::VerifyOptions,
    coordinator::{Coordinator, Extent},
    failure::{Advice, Failure},
    history::{Checked, Contents, History, write_folder},
    inputs, output,
    workspace::{LATEST_TRANSITION, Workspace},
};

/// The deployment is not the one that the user expects.
#[derive(thiserror::Error, Debug)]
pub(crate) enum VerifyError {
    /// The remembered transition is not in the Coordinator's history.
    #[error(
        "the Coordinator's history was rolled back, or is that of another deployment: it does not contain the transition {} that this workspace has seen",
        hex::encode(remembered)
    )]
    RolledBack {
        /// What the workspace remembers.
        remembered: [u8; 32],
        /// Where it remembers it.
        file: PathBuf,
    },
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
            Self::RolledBack { file, .. } => format!(
                "do not trust the Coordinator's state; nothing was overwritten here. If it is a new deployment on purpose, remove {}",
                file.display()
            )
            .into(),
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
    let remembered = workspace.latest_transition()?;
    let target = options.target;
    let address = coordinator_of(&document, target.coordinator, Identity::Fresh, target.sources).await?;
    let mut coordinator = Coordinator::connect(&address).await?;
    output::success("The Coordinator's evidence fits the manifest.");
    let history = match (coordinator.history(Extent::Everything).await, remembered) {
        (Err(error), Some(remembered)) if error.says_that_there_is_no_manifest() => {
            return Err(rolled_back(workspace, remembered).into());
        }
        (outcome, _) => outcome?,
    };
    let checked = history.check(Contents::Required, SystemTime::now())?;
    refuse_rollback(workspace, &history, remembered)?;

    let folder = workspace.verify_dir();
    write_folder(&folder, &history, &checked)?;
    output::success(&format!(
        "The history holds together and every transition is signed (events: {}, manifests: {}, policies: {}).",
        history.records.len(),
        history.manifests().count(),
        history.policies().len()
    ));
    output::success(&format!("Written to {}", folder.display()));
    refuse_other_manifest(&document, &checked, folder)?;
    output::success("The current manifest is the local one, byte for byte.");
    output::result(
        "Now review the manifests and policies: who may do what is written there and nowhere else.\n",
    );
    Ok(())
}

/// A Coordinator that does not know what was seen before has lost it, or never had it.
fn refuse_rollback(
    workspace: &Workspace,
    history: &History,
    remembered: Option<[u8; 32]>,
) -> Result<(), VerifyError> {
    match remembered {
        Some(remembered) if !history.contains(&remembered) => Err(rolled_back(workspace, remembered)),
        _ => Ok(()),
    }
}

fn rolled_back(workspace: &Workspace, remembered: [u8; 32]) -> VerifyError {
    VerifyError::RolledBack { remembered, file: workspace.verify_dir().join(LATEST_TRANSITION) }
}

fn refuse_other_manifest(
    local: &ManifestDocument,
    checked: &Checked,
    folder: PathBuf,
) -> Result<(), VerifyError> {
    let (found, local) = (checked.current_manifest, local.digest());
    if found == local { Ok(()) } else { Err(VerifyError::OtherManifest { found, local, folder }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::Scribe;

    fn history() -> (History, Checked) {
        let history = Scribe::of(&["{\"older\": 1}", "{}"]);
        let checked = history.check(Contents::Required, SystemTime::now()).unwrap();
        (history, checked)
    }

    #[test]
    fn a_history_that_lacks_what_was_seen_before_is_a_rollback() {
        let (history, checked) = history();
        let workspace = Workspace::new(None);
        let refusal = refuse_rollback(&workspace, &history, Some([1; 32])).unwrap_err();
        assert!(refusal.to_string().contains("rolled back"), "{refusal}");
        assert!(refusal.advice().unwrap().contains("verify/latest-transition"));
        assert!(refuse_rollback(&workspace, &history, Some(checked.latest_transition)).is_ok());
        let older = history.manifests().next().unwrap().transition;
        assert!(refuse_rollback(&workspace, &history, Some(older)).is_ok());
        assert!(refuse_rollback(&workspace, &history, None).is_ok());
    }
}
