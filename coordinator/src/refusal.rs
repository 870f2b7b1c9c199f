//! Why a Coordinator refuses, in a closed list, and how each reason reads on the wire.

use contrast_attestation::Refusal as EvidenceRefusal;
use contrast_manifest::{ConsentFault, ManifestErrors, SeedShareError};
use contrast_store::{BackendError, StoreError, UnlockError};
use tonic::{Code, Status};

use crate::{
    ca::CaError,
    event::{Digest, EventError},
    initial_owners::InitialOwners,
    seed::SeedError,
    state::Inconsistency,
};

/// Why a request is refused. Each reason is one sentence with what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing was ever set.
    #[error("no manifest configured: this Coordinator is new; run `contrast set` first")]
    NoManifest,
    /// The Coordinator was restarted and does not have the seed.
    #[error(
        "coordinator is in recovery mode: it was restarted and its history is locked; a seed share owner has to run `contrast recover`"
    )]
    Locked,
    /// Recovery of a Coordinator that serves.
    #[error("coordinator is already recovered: it is serving, and nothing needs to be done")]
    AlreadyActive,
    /// The manifest is not valid.
    #[error("the manifest was refused and nothing was changed: {0}")]
    InvalidManifest(#[from] ManifestErrors),
    /// The manifest refers to policies that did not come with it.
    #[error("the manifest refers to policies that were not sent: {}; pass all YAML files that the manifest was generated from", hex_list(.0))]
    PoliciesMissing(Vec<Digest>),
    /// Some of the policies are longer than any may be.
    #[error(
        "a policy may have at most {limit} bytes, but {} is longer; make it shorter, or divide the pod into several",
        hex_list(.policies)
    )]
    PolicyTooLong {
        /// The digests of those that are.
        policies: Vec<Digest>,
        /// Bytes that each may have.
        limit: usize,
    },
    /// A field of the request has the wrong number of bytes.
    #[error("the field `{field}` has {found} bytes instead of {expected}; correct the client")]
    FieldLength {
        /// Name of the field.
        field: &'static str,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// The transition that an atomic update wants to follow is in the history, but not the latest.
    #[error(
        "transition mismatch: the update is for the history that ends with {}, but the latest transition is {}; run `contrast verify`, review what was changed in between, and set again",
        hex::encode(expected),
        hex::encode(latest)
    )]
    TransitionMismatch {
        /// What the client expects.
        expected: Digest,
        /// What there is.
        latest: Digest,
    },
    /// The manifest should have been the first.
    #[error(
        "transition mismatch: the manifest was to be the first, but {manifests} were set before it (latest transition {}), and nothing was changed; find out who set them with `contrast verify`",
        hex::encode(latest)
    )]
    NotTheFirst {
        /// How many there are.
        manifests: u64,
        /// The transition of the last of them.
        latest: Digest,
    },
    /// The transition that a client remembers is nowhere in the history.
    #[error(
        "the history was rolled back, or is another deployment's: it does not contain the transition {} that you remember (its latest is {}); do not trust it, restore the Coordinator's volume, and find out who replaced it",
        hex::encode(expected),
        hex::encode(latest)
    )]
    RolledBack {
        /// What the client remembers.
        expected: Digest,
        /// What there is.
        latest: Digest,
    },
    /// The first manifest comes from somebody whom the Coordinator was not started for.
    #[error(
        "the first manifest of this Coordinator must come from a holder of one of the keys {owners} (SHA-256, set by CONTRAST_INITIAL_OWNERS), but {}; connect with such a key (--workload-owner-key), or send the signature (--signature) of one that the manifest lists",
        other_than_an_initial_owner(*signed, caller.as_ref())
    )]
    NotAnInitialOwner {
        /// Whose turn it is.
        owners: InitialOwners,
        /// SHA-256 of the caller's SubjectPublicKeyInfo, if there was a certificate.
        caller: Option<Digest>,
        /// Whether a signature came along.
        signed: bool,
    },
    /// Another update came first.
    #[error(
        "the manifest was updated concurrently by somebody else (latest transition {}), so this update was not applied; run `contrast verify`, review the other update, and set again",
        hex::encode(latest)
    )]
    Concurrent {
        /// The transition that won.
        latest: Digest,
    },
    /// The current manifest has no workload owners.
    #[error(
        "updates are disabled: the current manifest lists no workload owner keys, so it can never be replaced; deploy anew"
    )]
    UpdatesDisabled,
    /// An update without TLS key and without signature.
    #[error(
        "an update needs a workload owner: neither a client key nor a signature was sent; pass --workload-owner-key or --signature"
    )]
    NoCredentials,
    /// The TLS key is not one of the owners'.
    #[error(
        "the client key (SHA-256 {}) is not among the workload owners of the current manifest; use an owner's key",
        hex::encode(caller)
    )]
    NotAWorkloadOwner {
        /// SHA-256 of the caller's key.
        caller: Digest,
    },
    /// No owner made the signature for this transition.
    #[error(
        "no workload owner of the current manifest made this signature for this transition; sign the same manifest again, on top of the latest transition"
    )]
    BadSignature,
    /// The new manifest has other seed share owners.
    #[error(
        "the seed share owners must stay the same (same keys, same order), because the seed is already encrypted for them; restore SeedshareOwnerPubKeys from the current manifest"
    )]
    SeedShareOwnersChanged,
    /// Recovery by somebody who is not a seed share owner.
    #[error(
        "the client key is not a seed share owner's; connect with the RSA key of one (--seedshare-owner-key)"
    )]
    NotASeedShareOwner,
    /// The seed that came does not fit the log.
    #[error(
        "the seed does not belong to this history: it is wrong, truncated, or another deployment's; use the seed-shares.json of this deployment"
    )]
    WrongSeed,
    /// The salt that came does not fit the log.
    #[error("the salt belongs to another deployment; use the seed-shares.json of this deployment")]
    WrongSalt,
    /// The seed has a wrong form.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The log holds something that this program cannot read.
    #[error("event {position} of the history cannot be used: {reason}; restore the volume from a backup")]
    BadEvent {
        /// Where.
        position: u64,
        /// Why.
        reason: EventFault,
    },
    /// The header of the log holds no seed shares.
    #[error("the header of the store cannot be read ({0}); restore the volume from a backup")]
    BadSeedShares(prost::DecodeError),
    /// The seed could not be encrypted for an owner.
    #[error(transparent)]
    SeedShares(#[from] SeedShareError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CaError),
    /// The latest transition is not signed by the key that the seed leads to.
    #[error(
        "the latest transition of the history is not signed by this deployment's key; restore the volume from a backup"
    )]
    BadTransition,
    /// An earlier command broke off in the middle, so that it is not known what is on the disk.
    #[error(
        "an earlier command failed in a way that leaves open what was stored; restart the Coordinator, and if it is locked then, run `contrast recover`"
    )]
    Broken,
    /// A write failed; the store was opened anew, and what was to be written is not in it.
    #[error("the disk failed and nothing was changed ({0}); check the Coordinator's volume, and try again")]
    NotStored(#[source] BackendError),
    /// Too many clients ask for the same at this moment.
    #[error("too many clients ask for this at the moment; try again in a while")]
    Busy,
    /// The request has more bytes than this client may send in this call.
    #[error(
        "the request has more than {limit} bytes, which is all that this client may send here; for a large manifest, connect with the key of a workload owner (--workload-owner-key) instead of sending a signature alone"
    )]
    RequestTooLarge {
        /// Bytes that it may have.
        limit: usize,
    },
    /// The request has more fields than any manifest with its policies.
    #[error("the request has more than {limit} fields; send only the policies that the manifest refers to")]
    TooManyFields {
        /// Fields that it may have.
        limit: usize,
    },
    /// The request did not come in.
    #[error("the request came in too slowly, and others wait; try again over a faster connection")]
    TooSlow,
    /// The transition could not be signed.
    #[error("the transition could not be signed; restart the Coordinator and recover it")]
    SigningFailed,
    /// The whole history does not fit into one answer.
    #[error(
        "the history has more than {limit} bytes and does not fit into one answer; use `contrast history` or `contrast verify` of this project, which read it in pieces"
    )]
    HistoryTooLarge {
        /// Bytes that fit.
        limit: usize,
    },
    /// The peer's evidence was not accepted.
    #[error("the evidence was refused:\n{0}")]
    Evidence(EvidenceRefusal),
    /// The evidence is good, but no policy has the peer's host data.
    #[error("no policy of the manifest has the digest {} that the host declared for this pod (report field HOST_DATA); generate and set the manifest with this pod's YAML", hex::encode(.0))]
    UnknownPolicy(Digest),
    /// A pod that is not a Coordinator asks for the seed.
    #[error("only a pod whose policy has the role `coordinator` may ask for the seed")]
    NotACoordinator,
    /// This Coordinator gives the seed to nobody but its owners.
    #[error(
        "this Coordinator hands its seed to no peer: it was not started with --peer-recovery (CONTRAST_PEER_RECOVERY); let a seed share owner run `contrast recover`"
    )]
    PeerRecoveryOff,
    /// The peer's evidence was accepted by a manifest that is not the current one any more.
    #[error("the manifest was replaced since this connection was made; connect again")]
    JudgedByAnotherManifest,
    /// The peer's policy or hardware came after the first manifest, and no seed share owner agreed.
    #[error(
        "the seed is not given to policy {}: its role `coordinator`, or the reference values, came after the first manifest, and no seed share owner has consented; one of them has to run `contrast consent`",
        hex::encode(.0)
    )]
    ConsentNeeded(Digest),
    /// The policy was given the seed too often.
    #[error(
        "policy {} was given the seed often enough for now; try again in {seconds} seconds",
        hex::encode(policy)
    )]
    HandedOverTooOften {
        /// The policy.
        policy: Digest,
        /// How long to wait.
        seconds: u64,
    },
    /// The request has no consent in it, or not in its form.
    #[error("the consent cannot be read: {0}; make it with `contrast consent`")]
    ConsentForm(EventError),
    /// The consent is for another transition.
    #[error(
        "the consent is for the transition {}, but the latest one is {}; review the manifest of that one and consent again",
        hex::encode(consent),
        hex::encode(latest)
    )]
    ConsentToAnother {
        /// What was consented to.
        consent: Digest,
        /// What there is.
        latest: Digest,
    },
    /// The consent does not fit the manifest.
    #[error("{0}; set the manifest again with this release if an older one set it, or correct the consent")]
    ConsentFault(#[from] ConsentFault),
    /// Nobody who may consent has signed.
    #[error(
        "no seed share owner of the current manifest signed this consent; sign it with the key of one (--seedshare-owner-key)"
    )]
    BadConsent,
    /// The connection began before there was a state that could judge it.
    #[error("this connection was made before the Coordinator was ready; connect again")]
    ConnectAgain,
    /// A task of the Coordinator broke off.
    #[error("the Coordinator could not finish the request; look into its log, then try again")]
    Interrupted,
}

/// What is wrong with a stored event.
#[derive(Debug, thiserror::Error)]
pub enum EventFault {
    /// Its bytes.
    #[error(transparent)]
    Form(#[from] EventError),
    /// Its place.
    #[error(transparent)]
    Place(#[from] Inconsistency),
    /// The manifest that it names is not valid (any more).
    #[error("its manifest is not valid: {0}")]
    Manifest(#[from] ManifestErrors),
}

impl Refusal {
    /// The gRPC code of this refusal.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NoManifest
            | Self::Locked
            | Self::AlreadyActive
            | Self::TransitionMismatch { .. }
            | Self::NotTheFirst { .. }
            | Self::RolledBack { .. }
            | Self::Concurrent { .. }
            | Self::JudgedByAnotherManifest
            | Self::ConsentToAnother { .. }
            | Self::ConnectAgain => Code::FailedPrecondition,
            Self::InvalidManifest(_)
            | Self::PoliciesMissing(_)
            | Self::PolicyTooLong { .. }
            | Self::FieldLength { .. }
            | Self::Seed(
                SeedError::TooShort { .. } | SeedError::TooLong { .. } | SeedError::SaltLength { .. },
            )
            | Self::SeedShares(_)
            | Self::ConsentForm(_)
            | Self::ConsentFault(_)
            | Self::WrongSeed
            | Self::WrongSalt => Code::InvalidArgument,
            Self::UpdatesDisabled
            | Self::NotAnInitialOwner { .. }
            | Self::NoCredentials
            | Self::NotAWorkloadOwner { .. }
            | Self::BadSignature
            | Self::SeedShareOwnersChanged
            | Self::NotASeedShareOwner
            | Self::Evidence(_)
            | Self::UnknownPolicy(_)
            | Self::NotACoordinator
            | Self::PeerRecoveryOff
            | Self::ConsentNeeded(_)
            | Self::BadConsent => Code::PermissionDenied,
            Self::HistoryTooLarge { .. }
            | Self::HandedOverTooOften { .. }
            | Self::Busy
            | Self::RequestTooLarge { .. }
            | Self::TooManyFields { .. }
            | Self::TooSlow => Code::ResourceExhausted,
            Self::BadEvent { .. }
            | Self::BadSeedShares(_)
            | Self::BadTransition
            | Self::Store(
                StoreError::Unverified { .. }
                | StoreError::BlobMissing { .. }
                | StoreError::BlobUnverified { .. }
                | StoreError::Header(_),
            ) => Code::DataLoss,
            Self::Store(_)
            | Self::Seed(_)
            | Self::Certificate(_)
            | Self::SigningFailed
            | Self::Broken
            | Self::NotStored(_)
            | Self::Interrupted => Code::Internal,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), shortened(refusal.to_string()))
    }
}

/// The message travels in an HTTP/2 header, and clients refuse header lists above 16 KiB; each byte can
/// become three there (percent-encoding).
fn shortened(mut message: String) -> String {
    const LONGEST: usize = 4096;
    if message.len() > LONGEST {
        let end = message.floor_char_boundary(LONGEST);
        let omitted = message.len() - end;
        message.truncate(end);
        message.push_str(&format!("… ({omitted} more bytes)"));
    }
    message
}

impl From<UnlockError<Refusal>> for Refusal {
    fn from(error: UnlockError<Refusal>) -> Self {
        match error {
            UnlockError::Store(StoreError::WrongSeed) => Self::WrongSeed,
            UnlockError::Store(error) => Self::Store(error),
            UnlockError::Event { reason, .. } => reason,
        }
    }
}

fn other_than_an_initial_owner(signed: bool, caller: Option<&Digest>) -> String {
    match (signed, caller) {
        (true, _) => "neither the signature nor the client key is one's".to_owned(),
        (false, Some(caller)) => format!("the client key is {}", hex::encode(caller)),
        (false, None) => "neither a client key nor a signature was sent".to_owned(),
    }
}

fn hex_list(digests: &[Digest]) -> String {
    digests.iter().map(hex::encode).collect::<Vec<_>>().join(", ")
}
