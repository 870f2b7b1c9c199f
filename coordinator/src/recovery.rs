//! From a locked log and a seed to the state that the log adds up to.

use contrast_manifest::ManifestDocument;
use contrast_store::{LockedLog, SealedLog, UnlockError};
use p384::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};

use crate::{
    event::{Digest, Event, EventKind, LastingCertificates, ManifestSet},
    refusal::{EventFault, Refusal},
    seed::{DerivedKeys, Seed},
    seed_shares::{self, SeedShareDocument},
    state::{Inconsistency, State},
};

/// What a seed share owner asks for.
pub struct RecoveryRequest {
    /// The decrypted seed, with the salt that came with it.
    pub seed: Seed,
    /// A transition that the history must contain, if the caller remembers one.
    pub expected_transition: Option<Digest>,
    /// SHA-256 of the caller's TLS key (owner form).
    pub caller: Digest,
}

/// What the log adds up to.
pub struct Replayed {
    /// The fold over all events.
    pub state: State,
    /// The current manifest.
    pub manifest: ManifestDocument,
    /// Root certificates.
    pub lasting: LastingCertificates,
    /// Keys from the seed.
    pub keys: DerivedKeys,
}

/// There is no history, although the caller may remember one.
#[must_use]
pub fn nothing_to_recover(expected_transition: Option<Digest>) -> Refusal {
    match expected_transition {
        Some(expected) if expected != Digest::default() => {
            Refusal::RolledBack { expected, latest: Digest::default() }
        }
        _ => Refusal::NoManifest,
    }
}

/// Refuses what can be refused before anything is decrypted.
///
/// # Errors
/// The salt or the caller's key does not belong to this log.
pub fn check_request(request: &RecoveryRequest, shares: &SeedShareDocument) -> Result<(), Refusal> {
    if !seed_shares::has_owner(shares, &request.caller) {
        return Err(Refusal::NotASeedShareOwner);
    }
    if request.seed.salt().as_slice() != shares.salt {
        return Err(Refusal::WrongSalt);
    }
    Ok(())
}

/// Unlocks the log, verifies and folds every event, and checks what the current one refers to.
///
/// # Errors
/// The log, still locked, with the reason.
pub fn replay(
    log: LockedLog,
    request: &RecoveryRequest,
) -> Result<(SealedLog, Replayed), (LockedLog, Refusal)> {
    let mut state = State::default();
    let mut expected_seen = request.expected_transition.is_none_or(|expected| expected == Digest::default());
    let unlocked = log.unlock(request.seed.secret(), |record| {
        let bad_event = |reason| Refusal::BadEvent { position: record.position, reason };
        let event = Event::decode(record.event).map_err(|error| bad_event(error.into()))?;
        expected_seen |= matches!(&event.kind, EventKind::ManifestSet(set) if Some(set.transition) == request.expected_transition);
        state.apply(event).map_err(|error| bad_event(error.into()))
    });
    let log = unlocked.map_err(|(log, error): (LockedLog, UnlockError<Refusal>)| (log, error.into()))?;
    let checked = if expected_seen {
        load_current(&log, state, &request.seed)
    } else {
        Err(Refusal::RolledBack {
            expected: request.expected_transition.unwrap_or_default(),
            latest: state.latest_transition().unwrap_or_default(),
        })
    };
    match checked {
        Ok(replayed) => Ok((log, replayed)),
        Err(refusal) => Err((log.lock(), refusal)),
    }
}

fn load_current(log: &SealedLog, state: State, seed: &Seed) -> Result<Replayed, Refusal> {
    let reader = log.reader();
    let keys = seed.derive_keys()?;
    let last = reader.head().events.saturating_sub(1);
    let (Some(latest), Some(lasting)) = (&state.latest, state.lasting.clone()) else {
        return Err(Refusal::BadEvent { position: last, reason: Inconsistency::LastingCertificates.into() });
    };
    check_signature(latest, keys.transition.verifying_key())?;
    let manifest = ManifestDocument::parse_stored(reader.blob(&latest.manifest)?)
        .map_err(|errors| Refusal::BadEvent { position: last, reason: EventFault::Manifest(errors) })?;
    // Pods will be judged by these policies' digests, and auditors ask for their texts.
    for policy in &latest.policies {
        reader.blob(policy)?;
    }
    Ok(Replayed { state, manifest, lasting, keys })
}

/// The seal already proves who wrote the event; the signature is what outsiders will check.
fn check_signature(latest: &ManifestSet, key: &VerifyingKey) -> Result<(), Refusal> {
    let signature = Signature::from_der(&latest.signature).map_err(|_| Refusal::BadTransition)?;
    key.verify_prehash(&latest.transition, &signature).map_err(|_| Refusal::BadTransition)
}
