//! Events, with every field at its right length.

use contrast_attestation::EvidenceType;
use contrast_manifest::{SeedConsent, SeedGrounds};
use contrast_proto::{events::v1 as wire, userapi::HistoryRecord};

use super::HistoryError;

/// One event and its place in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// From 0, without gaps.
    pub(crate) position: u64,
    /// The Coordinator's chain digest of the log up to and including this event.
    pub(crate) log_digest: [u8; 32],
    /// The Coordinator's clock, in milliseconds since the Unix epoch.
    pub(crate) time_unix_ms: i64,
    /// What happened.
    pub(crate) event: Event,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A manifest became the current one.
    ManifestSet(ManifestSet),
    /// A new mesh CA took over.
    CaGenerationStarted(CaGeneration),
    /// A restarted Coordinator was unlocked.
    Recovered {
        /// Who had the seed.
        author: Author,
        /// The latest transition at that moment.
        transition: [u8; 32],
    },
    /// The seed was given to a peer Coordinator.
    SeedHandedOver(SeedHandedOver),
    /// A seed share owner consented to giving it to policies of the current manifest.
    SeedConsentGiven(SeedConsent),
}

/// The seed was given to a peer Coordinator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SeedHandedOver {
    /// The peer's policy.
    pub(crate) policy: [u8; 32],
    /// The latest transition at that moment.
    pub(crate) transition: [u8; 32],
    /// What the peer's evidence came from.
    pub(crate) platform: EvidenceType,
    /// SHA-256 of the evidence document.
    pub(crate) evidence: [u8; 32],
    /// The entry of the reference values that accepted it.
    pub(crate) accepted_by: String,
}

/// A manifest became the current one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ManifestSet {
    /// SHA-256 of the manifest.
    pub(crate) manifest: [u8; 32],
    /// SHA-256 of each of its policies.
    pub(crate) policies: Vec<[u8; 32]>,
    /// Who set it.
    pub(crate) author: Author,
    /// The transition before.
    pub(crate) previous: [u8; 32],
    /// The transition that this event made.
    pub(crate) transition: [u8; 32],
    /// Signature over the transition (ASN.1 DER ECDSA, the transition being the message digest).
    pub(crate) signature: Vec<u8>,
    /// Who could be given the seed by this manifest; older Coordinators do not say.
    pub(crate) seed_grounds: Option<SeedGrounds>,
}

/// A new mesh CA took over. Certificates are PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CaGeneration {
    /// From 1, without gaps.
    pub(crate) generation: u64,
    /// What made it necessary.
    pub(crate) cause: Cause,
    /// Signed by the root CA.
    pub(crate) intermediate_ca: Vec<u8>,
    /// Signed by itself; same name and key as the intermediate CA.
    pub(crate) mesh_ca: Vec<u8>,
    /// Only in generation 1, else empty.
    pub(crate) root_ca: Vec<u8>,
    /// Only in generation 1, else empty.
    pub(crate) transition_signer: Vec<u8>,
}

/// What made a new mesh CA necessary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    ManifestSet,
    Recovery,
}

/// Who caused an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Author {
    /// How they proved who they are.
    pub(crate) proof: Proof,
    /// SHA-256 of their public key; `None` where none was asked for.
    pub(crate) key: Option<[u8; 32]>,
}

/// How an author proved who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Proof {
    /// Not at all: anybody may set the first manifest.
    None,
    /// With the key of the TLS connection.
    TlsKey,
    /// With a signature over the transition.
    Signature,
}

impl TryFrom<HistoryRecord> for Record {
    type Error = HistoryError;

    fn try_from(record: HistoryRecord) -> Result<Self, HistoryError> {
        let position = record.position;
        let malformed = |field| HistoryError::Malformed { position, field };
        let event = record.event.ok_or(malformed("event"))?;
        let time_unix_ms = event.time_unix_ms;
        let kind = event.kind.ok_or(HistoryError::UnknownKind { position })?;
        let event = read_event(kind).map_err(malformed)?;
        Ok(Self {
            position,
            log_digest: hash(&record.digest, "log digest").map_err(malformed)?,
            time_unix_ms,
            event,
        })
    }
}

fn read_event(kind: wire::event::Kind) -> Result<Event, &'static str> {
    use wire::event::Kind;
    Ok(match kind {
        Kind::ManifestSet(set) => Event::ManifestSet(ManifestSet {
            manifest: hash(&set.manifest_digest, "manifest digest")?,
            policies: policies(&set.policies, &set.policy_digests)?,
            author: author(set.author)?,
            previous: hash(&set.previous_transition, "previous transition")?,
            transition: hash(&set.transition, "transition")?,
            signature: set.signature,
            seed_grounds: seed_grounds(&set.seed_grounds)?,
        }),
        Kind::CaGenerationStarted(started) => Event::CaGenerationStarted(CaGeneration {
            generation: started.generation,
            cause: cause(started.cause())?,
            intermediate_ca: started.intermediate_ca,
            mesh_ca: started.mesh_ca,
            root_ca: started.root_ca,
            transition_signer: started.transition_signer,
        }),
        Kind::Recovered(recovered) => Event::Recovered {
            author: author(recovered.author)?,
            transition: hash(&recovered.transition, "transition")?,
        },
        Kind::SeedHandedOver(handed) => Event::SeedHandedOver(SeedHandedOver {
            policy: hash(&handed.policy, "policy")?,
            transition: hash(&handed.transition, "transition")?,
            platform: platform(handed.platform())?,
            evidence: hash(&handed.evidence_digest, "evidence digest")?,
            accepted_by: handed.accepted_by,
        }),
        Kind::SeedConsentGiven(given) => Event::SeedConsentGiven(consent(given.consent.ok_or("consent")?)?),
    })
}

fn platform(platform: wire::Platform) -> Result<EvidenceType, &'static str> {
    match platform {
        wire::Platform::Snp => Ok(EvidenceType::Snp),
        wire::Platform::Tdx => Ok(EvidenceType::Tdx),
        wire::Platform::Simulated => Ok(EvidenceType::Simulated),
        wire::Platform::Unspecified => Err("platform"),
    }
}

fn consent(consent: wire::SeedConsent) -> Result<SeedConsent, &'static str> {
    let (policies, []) = consent.policies.as_chunks() else { return Err("policies of a consent") };
    Ok(SeedConsent {
        transition: hash(&consent.transition, "transition of a consent")?,
        policies: policies.to_vec(),
        owner: hash(&consent.owner, "owner of a consent")?,
        signature: consent.signature,
    })
}

/// The reference values, then at least one policy; nothing at all from older Coordinators.
fn seed_grounds(packed: &[u8]) -> Result<Option<SeedGrounds>, &'static str> {
    match packed.as_chunks() {
        ([], []) => Ok(None),
        ([reference_values, coordinators @ ..], []) if !coordinators.is_empty() => {
            Ok(Some(SeedGrounds { coordinators: coordinators.to_vec(), reference_values: *reference_values }))
        }
        _ => Err("seed grounds"),
    }
}

/// In one piece, or as older Coordinators send them, in `separate` fields; never in both, and at least one.
fn policies(packed: &[u8], separate: &[Vec<u8>]) -> Result<Vec<[u8; 32]>, &'static str> {
    match (packed.as_chunks(), separate) {
        (([], []), [_, ..]) => separate.iter().map(|digest| hash(digest, "policy digest")).collect(),
        ((policies @ [_, ..], []), []) => Ok(policies.to_vec()),
        _ => Err("policy digests"),
    }
}

fn author(author: Option<wire::Author>) -> Result<Author, &'static str> {
    let author = author.ok_or("author")?;
    let proof = match author.proof() {
        wire::Proof::None => Proof::None,
        wire::Proof::TlsKey => Proof::TlsKey,
        wire::Proof::Signature => Proof::Signature,
        wire::Proof::Unspecified => return Err("proof of the author"),
    };
    let key = match author.key_digest.as_slice() {
        [] => None,
        digest => Some(hash(digest, "key of the author")?),
    };
    Ok(Author { proof, key })
}

fn cause(cause: wire::Cause) -> Result<Cause, &'static str> {
    match cause {
        wire::Cause::ManifestSet => Ok(Cause::ManifestSet),
        wire::Cause::Recovery => Ok(Cause::Recovery),
        wire::Cause::Unspecified => Err("cause"),
    }
}

fn hash(bytes: &[u8], field: &'static str) -> Result<[u8; 32], &'static str> {
    bytes.try_into().map_err(|_| field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_in_one_piece_or_in_separate_fields_and_never_in_both_or_neither() {
        let (packed, separate) = ([[5; 32], [6; 32]].concat(), [vec![5; 32], vec![6; 32]]);
        assert_eq!(policies(&packed, &[]), Ok(vec![[5; 32], [6; 32]]));
        assert_eq!(policies(&[], &separate), Ok(vec![[5; 32], [6; 32]]));
        assert_eq!(policies(&packed, &separate), Err("policy digests"));
        assert_eq!(policies(&[], &[]), Err("policy digests"));
        assert_eq!(policies(&[5; 33], &[]), Err("policy digests"));
        assert_eq!(policies(&[5; 31], &separate), Err("policy digests"));
        assert_eq!(policies(&[], &[vec![5; 31]]), Err("policy digest"));
    }

    #[test]
    fn an_event_of_an_unknown_kind_is_called_so() {
        let event = wire::Event { time_unix_ms: 1, kind: None };
        let record = HistoryRecord { position: 7, digest: vec![0; 32], event: Some(event) };
        let error = Record::try_from(record).unwrap_err();
        assert!(
            error.to_string().contains("event 7 of the history is of a kind that this program does not know")
        );
    }
}
