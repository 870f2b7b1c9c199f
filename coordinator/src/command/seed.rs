//! Decisions about who is given the seed.

use contrast_attestation::EvidenceType;
use contrast_manifest::{ConsentFault, Manifest, Role, SeedConsent};

use super::{Means, Standing, event};
use crate::{
    event::{Digest, Event, EventKind, SeedHandedOver},
    refusal::Refusal,
    state::State,
};

/// A peer Coordinator that asks for the seed, and the evidence that was accepted of it.
#[derive(Clone, Debug)]
pub struct SeedRequest {
    /// Its policy.
    pub policy: Digest,
    /// The transition whose manifest its evidence was judged by.
    pub judged_by: Digest,
    /// What its evidence came from.
    pub platform: EvidenceType,
    /// SHA-256 of its evidence document.
    pub evidence: Digest,
    /// Name of the reference value entry that accepted it.
    pub accepted_by: String,
}

/// Only a Coordinator of the *current* manifest is given the seed, judged by that manifest, and entitled under it.
pub(super) fn hand_over(
    standing: Standing<'_>,
    request: &SeedRequest,
    means: &Means<'_>,
) -> Result<Vec<Event>, Refusal> {
    let (Some(current), Some(transition)) = (standing.manifest, standing.state.latest_transition()) else {
        return Err(Refusal::NoManifest);
    };
    if request.judged_by != transition {
        return Err(Refusal::JudgedByAnotherManifest);
    }
    let policy = request.policy;
    let entry = current.manifest().policies.get(&policy).ok_or(Refusal::UnknownPolicy(policy))?;
    if entry.role != Role::Coordinator {
        return Err(Refusal::NotACoordinator);
    }
    if !standing.state.seed_access.may_have_seed(&policy) {
        return Err(Refusal::ConsentNeeded(policy));
    }
    let handed_over = SeedHandedOver {
        policy,
        transition,
        platform: request.platform,
        evidence: request.evidence,
        accepted_by: request.accepted_by.clone(),
    };
    Ok(vec![event(means, EventKind::SeedHandedOver(handed_over))])
}

/// The event of a consent to `manifest`, which `state` ends with. None if it entitles nobody who is not entitled already.
pub(super) fn consent(
    state: &State,
    manifest: &Manifest,
    consent: &SeedConsent,
    means: &Means<'_>,
) -> Result<Option<Event>, Refusal> {
    let latest = state.latest_transition().ok_or(Refusal::NoManifest)?;
    if consent.transition != latest {
        return Err(Refusal::ConsentToAnother { consent: consent.transition, latest });
    }
    let needed = match state.seed_access.clone().consent(&consent.policies) {
        Err(ConsentFault::NotNeeded) => false,
        outcome => outcome.map(|()| true)?,
    };
    if !consent.is_signed_by_one_of(&manifest.seedshare_owners) {
        return Err(Refusal::BadConsent);
    }
    Ok(needed.then(|| event(means, EventKind::SeedConsentGiven(consent.clone()))))
}
