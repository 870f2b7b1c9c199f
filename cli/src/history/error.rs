//! What can be wrong with a history.

use std::borrow::Cow;

use contrast_manifest::ManifestErrors;

use super::certificates::CertificateError;
use crate::failure::Advice;

/// A history that must not be believed.
#[derive(thiserror::Error, Debug)]
pub(crate) enum HistoryError {
    /// A field is absent, or has a wrong length or an unknown value.
    #[error("event {position} of the history has no valid {field}")]
    Malformed { position: u64, field: &'static str },
    /// An event that came after this program was made. What it means for those around it is not known.
    #[error(
        "event {position} of the history is of a kind that this program does not know, so it cannot be checked"
    )]
    UnknownKind { position: u64 },
    /// The pieces of a history came in an order that makes no sense.
    #[error("the history did not arrive in one piece: {0}")]
    OutOfOrder(&'static str),
    /// Events are missing.
    #[error("the history should have {announced} events, but has {found}")]
    Incomplete { announced: u64, found: usize },
    /// A content is not what it is said to be.
    #[error("a manifest or policy of the history does not have the digest {}", hex::encode(digest))]
    Content { digest: [u8; 32] },
    /// A content is not there.
    #[error("event {position} of the history refers to {}, which is not there", hex::encode(digest))]
    MissingContent { position: u64, digest: [u8; 32] },
    /// Events are missing, repeated or swapped.
    #[error("the history has event {found} where event {expected} belongs")]
    Position { expected: u64, found: u64 },
    /// A certificate cannot be used.
    #[error("the {name} certificate of the history cannot be trusted: {source}")]
    Certificate { name: &'static str, source: CertificateError },
    /// A manifest does not follow the one before.
    #[error("the manifest of event {position} does not follow the one before it")]
    PreviousTransition { position: u64 },
    /// A transition is not the hash of what it links.
    #[error("the transition hash of event {position} is wrong")]
    TransitionHash { position: u64 },
    /// A transition is not signed by the deployment's key.
    #[error("the signature of event {position} is wrong")]
    Signature { position: u64 },
    /// A recovery speaks of another state than the one that was recovered.
    #[error("the recovery of event {position} speaks of another transition than the latest one before it")]
    RecoveredTransition { position: u64 },
    /// A manifest of the history is not valid.
    #[error("the manifest of event {position} is not one: {source}")]
    Manifest { position: u64, source: Box<ManifestErrors> },
    /// An event lists other policies than its manifest.
    #[error("event {position} does not have exactly the policies that its manifest lists")]
    Policies { position: u64 },
    /// What an event says about who could be given the seed is not what its manifest says.
    #[error("event {position} does not say of the seed what its manifest says")]
    SeedGrounds { position: u64 },
    /// The seed was given to somebody who was not entitled to it.
    #[error(
        "event {position} gave the seed to policy {}, which was not entitled to it then",
        hex::encode(policy)
    )]
    NotEntitled { position: u64, policy: [u8; 32] },
    /// The entry that accepted a peer's evidence is not in the manifest of the time.
    #[error(
        "event {position} gave the seed by an entry of the reference values that its manifest does not have"
    )]
    NoSuchEntry { position: u64 },
    /// Consent does not fit the manifest, or nobody who may give it signed it.
    #[error("the consent of event {position} is not one: {reason}")]
    Consent { position: u64, reason: String },
    /// An event stands where no Coordinator would have written it.
    #[error(
        "the order of events is wrong at event {position}: a CA generation follows each manifest and each recovery, and nothing else"
    )]
    Order { position: u64 },
    /// CA generations do not follow each other.
    #[error("event {position} starts CA generation {found} where generation {expected} belongs")]
    Generation { position: u64, expected: u64, found: u64 },
    /// The certificates in the log are not those that the Coordinator shows.
    #[error("the {name} certificate in the history is not the one that the Coordinator shows")]
    OtherCertificate { name: &'static str },
    /// There is no manifest in the history.
    #[error("the history has no manifest")]
    Empty,
}

impl Advice for HistoryError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Malformed { .. } | Self::UnknownKind { .. } => {
                "use the release of this program that came with the Coordinator".into()
            }
            Self::Empty => "set a manifest first".into(),
            _ => "do not trust this deployment before you know how that came about".into(),
        })
    }
}
