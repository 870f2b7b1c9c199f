//! The events about who was given the seed, and who may be.

use contrast_attestation::EvidenceType;
use contrast_manifest::{SeedConsent, SeedGrounds};
use contrast_proto::events::v1 as wire;

use super::{Digest, EventError, digest};

/// The seed was given to a peer Coordinator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeedHandedOver {
    /// The peer's policy.
    pub policy: Digest,
    /// Latest transition hash at that moment.
    pub transition: Digest,
    /// What the peer's evidence came from.
    pub platform: EvidenceType,
    /// SHA-256 of the evidence document.
    pub evidence: Digest,
    /// Name of the reference value entry that accepted it.
    pub accepted_by: String,
}

impl From<SeedHandedOver> for wire::SeedHandedOver {
    fn from(handed: SeedHandedOver) -> Self {
        let platform = match handed.platform {
            EvidenceType::Snp => wire::Platform::Snp,
            EvidenceType::Tdx => wire::Platform::Tdx,
            EvidenceType::Simulated => wire::Platform::Simulated,
        };
        Self {
            policy: handed.policy.to_vec(),
            transition: handed.transition.to_vec(),
            platform: platform.into(),
            evidence_digest: handed.evidence.to_vec(),
            accepted_by: handed.accepted_by,
        }
    }
}

impl TryFrom<wire::SeedHandedOver> for SeedHandedOver {
    type Error = EventError;

    fn try_from(handed: wire::SeedHandedOver) -> Result<Self, EventError> {
        let platform = match handed.platform() {
            wire::Platform::Snp => EvidenceType::Snp,
            wire::Platform::Tdx => EvidenceType::Tdx,
            wire::Platform::Simulated => EvidenceType::Simulated,
            wire::Platform::Unspecified => return Err(EventError::Malformed("platform")),
        };
        Ok(Self {
            policy: digest(&handed.policy, "policy")?,
            transition: digest(&handed.transition, "transition")?,
            platform,
            evidence: digest(&handed.evidence_digest, "evidence_digest")?,
            accepted_by: handed.accepted_by,
        })
    }
}

/// A consent as it stands in events and requests.
#[must_use]
pub fn wire_consent(consent: SeedConsent) -> wire::SeedConsent {
    wire::SeedConsent {
        transition: consent.transition.to_vec(),
        policies: consent.policies.concat(),
        owner: consent.owner.to_vec(),
        signature: consent.signature,
    }
}

/// Reads a consent. Whether it is signed is another question.
///
/// # Errors
/// [`EventError::Malformed`].
pub fn consent(consent: wire::SeedConsent) -> Result<SeedConsent, EventError> {
    Ok(SeedConsent {
        transition: digest(&consent.transition, "consent.transition")?,
        policies: digests(&consent.policies, "consent.policies")?,
        owner: digest(&consent.owner, "consent.owner")?,
        signature: consent.signature,
    })
}

/// The reference values, then the policies; nothing at all in events of older releases.
pub(super) fn grounds(bytes: &[u8]) -> Result<Option<SeedGrounds>, EventError> {
    match bytes.as_chunks() {
        ([], []) => Ok(None),
        ([reference_values, coordinators @ ..], []) if !coordinators.is_empty() => {
            Ok(Some(SeedGrounds { coordinators: coordinators.to_vec(), reference_values: *reference_values }))
        }
        _ => Err(EventError::Malformed("seed_grounds")),
    }
}

pub(super) fn wire_grounds(grounds: Option<SeedGrounds>) -> Vec<u8> {
    grounds
        .map(|grounds| [&[grounds.reference_values], &*grounds.coordinators].concat().concat())
        .unwrap_or_default()
}

fn digests(packed: &[u8], field: &'static str) -> Result<Vec<Digest>, EventError> {
    match packed.as_chunks() {
        (digests @ [_, ..], []) => Ok(digests.to_vec()),
        _ => Err(EventError::Malformed(field)),
    }
}
