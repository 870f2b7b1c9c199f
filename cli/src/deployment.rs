//! Which deployment a workspace knows: by the key of its root CA, and by the latest transition that was seen.
//!
//! Whoever runs the Coordinator's machine can start another deployment with the same manifests, whose evidence
//! fits just as well, or put back an older disk. Only what was seen before tells.

use std::{borrow::Cow, io, path::PathBuf};

use contrast_manifest::NO_TRANSITION;

use crate::{
    failure::Advice,
    history::{CertificateError, Checked, History, key_fingerprint},
    output,
    workspace::{self, LATEST_TRANSITION, Memory, ROOT_CA, Workspace, WorkspaceError},
};

/// What a workspace remembers of its deployment.
#[derive(Debug)]
pub(crate) struct Known {
    memory: Option<Memory>,
    transition_file: PathBuf,
    /// Files with a root CA, and the fingerprint of its key: what `set` wrote, and what `verify` wrote.
    roots: Vec<(PathBuf, [u8; 32])>,
}

/// The deployment is not the one that the workspace knows.
#[derive(thiserror::Error, Debug)]
pub(crate) enum DeploymentError {
    /// The root CA has another key.
    #[error(
        "the root CA is not the one that this workspace knows: this is another deployment with the same \
         manifests, or yours was replaced (its key has the fingerprint {}, that in {} has {})",
        hex::encode(found),
        file.display(),
        hex::encode(known)
    )]
    OtherRoot {
        /// Fingerprint of the Coordinator's.
        found: [u8; 32],
        /// Fingerprint of the remembered one.
        known: [u8; 32],
        /// Where it is remembered.
        file: PathBuf,
    },
    /// The remembered transition is not in the history.
    #[error(
        "the Coordinator's history was rolled back, or is that of another deployment: it does not contain the \
         transition {} that this workspace has seen",
        hex::encode(known)
    )]
    RolledBack {
        /// What the workspace remembers.
        known: [u8; 32],
        /// Where it remembers it.
        file: PathBuf,
    },
    /// A file that should hold the root CA does not.
    #[error("{} does not hold the certificate of a root CA", file.display())]
    RootFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
}

impl Advice for DeploymentError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::OtherRoot { .. } | Self::RolledBack { .. } => format!(
                "do not trust the Coordinator's state; nothing was overwritten here. If it is a new deployment on \
                 purpose, begin in a new workspace folder, or remove {ROOT_CA} and the folder verify"
            )
            .into(),
            Self::RootFile { file, .. } => format!(
                "restore {}, or remove it to begin anew without knowing the deployment",
                file.display()
            )
            .into(),
            Self::File(error) => return error.advice(),
        })
    }
}

impl Known {
    /// Reads what the workspace remembers. A damaged file is an error, and does not count as absent.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, DeploymentError> {
        let mut roots = Vec::new();
        for file in [workspace.path(ROOT_CA), workspace.verify_dir().join(ROOT_CA)] {
            match workspace::read(&file) {
                Ok(pem) => match key_fingerprint(&pem) {
                    Ok(fingerprint) => roots.push((file, fingerprint)),
                    Err(source) => return Err(DeploymentError::RootFile { file, source }),
                },
                Err(WorkspaceError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let memory = workspace.memory()?;
        Ok(Self { memory, transition_file: workspace.verify_dir().join(LATEST_TRANSITION), roots })
    }

    /// What is known of the history.
    pub(crate) fn memory(&self) -> Option<Memory> {
        self.memory
    }

    /// The latest transition that is known.
    pub(crate) fn transition(&self) -> Option<[u8; 32]> {
        self.memory.map(|memory| memory.latest)
    }

    /// The transition up to which everything was seen; zeros: nothing.
    pub(crate) fn seen(&self) -> [u8; 32] {
        self.memory.map_or(NO_TRANSITION, |memory| memory.seen)
    }

    /// Whether there is a root CA to compare with.
    pub(crate) fn has_root(&self) -> bool {
        !self.roots.is_empty()
    }

    /// Refuses a history of another deployment, and one that lost what was seen before.
    pub(crate) fn refuse_other(&self, history: &History, checked: &Checked) -> Result<(), DeploymentError> {
        self.refuse_other_root(checked.root_fingerprint)?;
        match self.transition() {
            Some(known) if !history.contains(&known) => Err(self.rolled_back(known)),
            _ => Ok(()),
        }
    }

    /// Refuses a root CA whose key is not the remembered one.
    pub(crate) fn refuse_other_root(&self, found: [u8; 32]) -> Result<(), DeploymentError> {
        match self.roots.iter().find(|(_, known)| *known != found) {
            Some((file, known)) => {
                Err(DeploymentError::OtherRoot { found, known: *known, file: file.clone() })
            }
            None => Ok(()),
        }
    }

    /// What to say of a Coordinator that does not have a transition that was seen.
    pub(crate) fn rolled_back(&self, known: [u8; 32]) -> DeploymentError {
        DeploymentError::RolledBack { known, file: self.transition_file.clone() }
    }

    /// Says which root CA it is where nothing here could tell.
    pub(crate) fn introduce(&self, fingerprint: [u8; 32]) {
        if !self.has_root() {
            output::note(&format!(
                "The root CA's key has the fingerprint {} (SHA-256). This workspace knew none to compare it with: \
                 ask somebody who knows the deployment.",
                hex::encode(fingerprint)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::history::testing::{Scribe, check};

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(Some(dir.path().to_owned()));
        (dir, workspace)
    }

    #[test]
    fn a_history_that_lacks_what_was_seen_before_is_a_rollback() {
        let history = Scribe::of(&["one", "two"]);
        let checked = check(&history).unwrap();
        let judge = |transition| {
            let (_dir, workspace) = workspace();
            workspace.remember(Memory::all_seen(transition)).unwrap();
            Known::read(&workspace).unwrap().refuse_other(&history, &checked)
        };
        let refusal = judge([1; 32]).unwrap_err();
        assert!(refusal.to_string().contains("rolled back"), "{refusal}");
        assert!(judge(checked.latest_transition).is_ok());
        assert!(judge(history.manifests().next().unwrap().transition).is_ok());
    }

    #[test]
    fn another_deployment_with_the_same_manifests_is_refused_by_its_root_key() {
        let (mine, other) = (Scribe::of(&["one"]), Scribe::of(&["one"]));
        let checked = check(&other).unwrap();
        for file in ["coordinator-root-ca.pem", "verify/coordinator-root-ca.pem"] {
            let (dir, workspace) = workspace();
            fs::create_dir(dir.path().join("verify")).unwrap();
            fs::write(dir.path().join(file), &mine.anchors.root_ca).unwrap();
            workspace.remember(Memory::all_seen(checked.latest_transition)).unwrap();
            let known = Known::read(&workspace).unwrap();
            let refusal = known.refuse_other(&other, &checked).unwrap_err();
            assert!(matches!(refusal, DeploymentError::OtherRoot { .. }), "{refusal}");
            assert!(known.refuse_other(&mine, &check(&mine).unwrap()).is_ok());
        }
    }

    #[test]
    fn another_certificate_of_the_same_root_key_is_the_same_deployment() {
        let scribe = Scribe::new();
        let first = key_fingerprint(&scribe.history.anchors.root_ca).unwrap();
        let renewed = scribe.renewed_root_ca();
        assert_ne!(renewed, scribe.history.anchors.root_ca);
        assert_eq!(key_fingerprint(&renewed).unwrap(), first);
    }

    #[test]
    fn an_empty_workspace_accepts_any_deployment_and_a_damaged_one_none() {
        let history = Scribe::of(&["one"]);
        let (dir, workspace) = workspace();
        let known = Known::read(&workspace).unwrap();
        assert!(!known.has_root());
        assert!(known.refuse_other(&history, &check(&history).unwrap()).is_ok());
        fs::write(dir.path().join("coordinator-root-ca.pem"), "no certificate").unwrap();
        assert!(matches!(Known::read(&workspace), Err(DeploymentError::RootFile { .. })));
    }
}
