//! What can go wrong with `set` beyond files and connection.

use std::{borrow::Cow, path::PathBuf};

use contrast_manifest::SeedShareError;

use crate::{
    coordinator::CoordinatorError, deployment::DeploymentError, failure::Advice, history::CertificateError,
};

/// Why a manifest was not set.
#[derive(thiserror::Error, Debug)]
pub(crate) enum SetError {
    /// There is nothing in the file with the signature.
    #[error("the file {} with the signature is empty", path.display())]
    EmptySignature {
        /// The file.
        path: PathBuf,
    },
    /// The workspace knows its deployment.
    #[error(
        "--join is for a workspace that knows no deployment, but this one knows the transition {}",
        hex::encode(known)
    )]
    NothingToJoin {
        /// The latest transition that it knows.
        known: [u8; 32],
    },
    /// Somebody was at the Coordinator before.
    #[error(
        "the manifest was not set: this workspace knows no deployment, so its manifest had to be the first, but the \
         Coordinator has {manifests} already (latest transition {})",
        hex::encode(latest)
    )]
    HadToBeFirst {
        /// How many were set.
        manifests: usize,
        /// The transition of the last of them.
        latest: [u8; 32],
    },
    /// The Coordinator took the manifest for an update.
    #[error(
        "the manifest is set, but not as the first: the Coordinator sent no seed shares for it, so somebody else set \
         one before"
    )]
    NotTheFirst,
    /// It is set in another history than that which the workspace knows.
    #[error("the manifest is set, but not in the deployment that this workspace knows: {source}")]
    Elsewhere {
        /// What is wrong with the other.
        source: DeploymentError,
    },
    /// The Coordinator's certificate cannot be used.
    #[error("the Coordinator answered with a root CA that cannot be used: {source}")]
    RootCa {
        /// What is wrong with it.
        source: CertificateError,
    },
    /// It is set, and nobody knows whether on the deployment that was seen before.
    #[error(
        "the manifest is set, but whether on the deployment that this workspace knows could not be checked: {reason}"
    )]
    Unrecognised {
        /// Why not.
        reason: String,
    },
    /// The Coordinator does not accept the caller as an owner.
    #[error("{source}")]
    NotPermitted {
        /// What it says.
        source: CoordinatorError,
        /// How the caller proved to be an owner.
        authority: Authority,
        /// Whether the manifest was to be the first.
        first: bool,
    },
    /// The seed shares of the Coordinator are not complete.
    #[error("the Coordinator sent seed shares that are of no use: {0}")]
    SeedShares(SeedShareError),
}

/// How the caller proved to be an owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Authority {
    /// With a detached signature.
    Signature,
    /// With the key of the TLS connection.
    Key,
    /// Not at all.
    Nothing,
}

impl Authority {
    pub(super) fn of(has_signature: bool, has_key: bool) -> Self {
        match (has_signature, has_key) {
            (true, _) => Self::Signature,
            (false, true) => Self::Key,
            (false, false) => Self::Nothing,
        }
    }
}

impl Advice for SetError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::EmptySignature { .. } => "make it with `contrast sign`".into(),
            Self::NothingToJoin { .. } => {
                "leave --join out; to join another deployment, begin in a new workspace folder".into()
            }
            Self::HadToBeFirst { latest, .. } => format!(
                "if you do not know who set them, somebody came to the Coordinator before you: deploy anew, with \
                 CONTRAST_INITIAL_OWNERS. `contrast verify` lets you read them; to join that deployment on purpose, \
                 repeat with --join {}",
                hex::encode(latest)
            )
            .into(),
            Self::NotTheFirst => "nothing was written here. Do not trust this deployment before you know who was first: \
                 deploy anew. A Coordinator that is older than this program does not look whether a manifest is the first"
                .into(),
            Self::Elsewhere { source } => return source.advice(),
            Self::RootCa { .. } => "look at the Coordinator's log".into(),
            Self::Unrecognised { .. } => "nothing was overwritten here; run `contrast verify`".into(),
            Self::NotPermitted { first: true, .. } => {
                "the first manifest is for an initial owner to set, with --workload-owner-key or --signature; if there is \
                 one already, only its owners may change it: see --join"
                    .into()
            }
            Self::NotPermitted { authority: Authority::Signature, .. } => {
                "check that a workload owner of the current manifest signed exactly this manifest after the current transition".into()
            }
            Self::NotPermitted { authority: Authority::Key, .. } => {
                "the workload owner key is not one that the current manifest trusts, or the change is not allowed".into()
            }
            Self::NotPermitted { authority: Authority::Nothing, .. } => {
                "only an owner may change a manifest: give --workload-owner-key".into()
            }
            Self::SeedShares(_) => "look at the Coordinator's log".into(),
        })
    }
}
