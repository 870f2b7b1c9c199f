//! What a Coordinator can be told to do, and what follows from it.
//!
//! [`decide`] is pure: it sees a state and a command, and answers with the events that would happen or
//! with a refusal. Nothing has happened before its events are in the log.

mod seed;

use std::collections::{BTreeMap, BTreeSet};

use contrast_manifest::{
    MAX_POLICY_LEN, ManifestDocument, NO_TRANSITION, SeedConsent, SeedGrounds, WorkloadOwner, transition_hash,
};
use p384::ecdsa::{Signature, SigningKey, signature::hazmat::PrehashSigner};

use crate::{
    event::{
        Author, CaGenerationStarted, Cause, Digest, Event, EventKind, GenerationCertificates,
        LastingCertificates, ManifestSet, Recovered,
    },
    initial_owners::InitialOwners,
    refusal::{EventFault, Refusal},
    state::State,
};

pub use seed::SeedRequest;

/// Something that a client asks for.
#[derive(Debug)]
pub enum Command {
    /// Make a manifest the current one.
    SetManifest(Box<SetManifest>),
    /// Serve again after a restart; the log is already unlocked.
    Recover {
        /// SHA-256 of the caller's key (owner form); it must be a seed share owner's.
        caller: Digest,
    },
    /// Give the seed to a peer Coordinator.
    HandOver(SeedRequest),
    /// Entitle policies of the current manifest to the seed.
    GiveSeedConsent(SeedConsent),
}

/// A request to make a manifest the current one.
#[derive(Debug)]
pub struct SetManifest {
    /// The manifest.
    pub manifest: ManifestDocument,
    /// The policies that came with it, by their SHA-256.
    pub policies: BTreeMap<Digest, Vec<u8>>,
    /// The latest transition when the request arrived (zeros: none). If another one has become the
    /// latest by the time of the decision, somebody else's update came first.
    pub seen: Digest,
    /// A transition that the sender knows, and that the history which ends with `seen` does not contain.
    pub missing: Option<Digest>,
    /// Apply only if this is the latest transition (zeros: none).
    pub expected_previous: Option<Digest>,
    /// The caller's TLS key, if there was a certificate.
    pub caller: Option<Caller>,
    /// Detached signature of a workload owner over the new transition (ASN.1 DER).
    pub signature: Option<Vec<u8>>,
    /// Consent of a seed share owner to the new transition.
    pub seed_consent: Option<SeedConsent>,
}

/// The names of a caller's TLS key. For ECDSA both are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// SHA-256 of the key in owner form (ECDSA: DER SubjectPublicKeyInfo, RSA: DER RSAPublicKey), by which manifests
    /// and events name it.
    pub digest: Digest,
    /// SHA-256 of the DER SubjectPublicKeyInfo, by which initial owners are named.
    pub spki_digest: Digest,
}

/// What a decision takes from outside the state, so that it needs neither clock nor randomness.
pub struct Means<'a> {
    /// Milliseconds since the Unix epoch.
    pub now_unix_ms: i64,
    /// The key that transitions are signed with.
    pub transition_key: &'a SigningKey,
    /// Certificates of the CA generation that would start.
    pub generation: &'a GenerationCertificates,
    /// Root certificates, used if there are none yet.
    pub lasting: &'a LastingCertificates,
}

/// The deployment as it stands before a command.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The fold over its events.
    pub state: &'a State,
    /// The current manifest, once there is one.
    pub manifest: Option<&'a ManifestDocument>,
    /// Who may set the first one; `None`: anybody.
    pub initial_owners: Option<&'a InitialOwners>,
}

/// Says which events a command leads to. None: the command was carried out before, and its answer got lost.
///
/// # Errors
/// A refusal that says why, and what to do.
pub fn decide(standing: Standing<'_>, command: &Command, means: &Means<'_>) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::SetManifest(set) => set_manifest(standing, set, means),
        Command::Recover { caller } => recover(standing, *caller, means),
        Command::HandOver(request) => seed::hand_over(standing, request, means),
        Command::GiveSeedConsent(consent) => {
            let current = standing.manifest.ok_or(Refusal::NoManifest)?;
            let event = seed::consent(standing.state, current.manifest(), consent, means)?;
            Ok(event.into_iter().collect())
        }
    }
}

fn set_manifest(standing: Standing<'_>, set: &SetManifest, means: &Means<'_>) -> Result<Vec<Event>, Refusal> {
    let previous = standing.state.latest_transition().unwrap_or_default();
    if let Some(expected) = set.missing {
        return Err(Refusal::RolledBack { expected, latest: previous });
    }
    let mut events =
        if is_repetition(standing, set) { Vec::new() } else { new_manifest(standing, set, means)? };
    if let Some(consent) = &set.seed_consent {
        let mut state = standing.state.clone();
        for (position, event) in (0..).zip(&events) {
            let misplaced = |fault| Refusal::BadEvent { position, reason: EventFault::Place(fault) };
            state.apply(event.clone()).map_err(misplaced)?;
        }
        events.extend(seed::consent(&state, set.manifest.manifest(), consent, means)?);
    }
    Ok(events)
}

fn new_manifest(standing: Standing<'_>, set: &SetManifest, means: &Means<'_>) -> Result<Vec<Event>, Refusal> {
    let previous = standing.state.latest_transition().unwrap_or_default();
    match set.expected_previous {
        Some(expected) if expected == previous => {}
        Some(NO_TRANSITION) => {
            return Err(Refusal::NotTheFirst { manifests: standing.state.manifests, latest: previous });
        }
        Some(expected) => return Err(Refusal::TransitionMismatch { expected, latest: previous }),
        None => {}
    }
    if set.seen != previous {
        return Err(Refusal::Concurrent { latest: previous });
    }
    let transition = transition_hash(set.manifest.digest(), previous);
    let author = match standing.manifest {
        None => first_author(standing.initial_owners, set, transition)?,
        Some(current) => authorise(current, set, transition)?,
    };
    let policies = referenced_policies(set)?;
    let signature: Signature =
        means.transition_key.sign_prehash(&transition).map_err(|_| Refusal::SigningFailed)?;
    let manifest_set = ManifestSet {
        manifest: set.manifest.digest(),
        policies,
        author,
        previous,
        transition,
        signature: signature.to_der().as_bytes().to_vec(),
        seed_grounds: Some(SeedGrounds::of(&set.manifest)),
    };
    Ok(vec![
        event(means, EventKind::ManifestSet(manifest_set)),
        generation_started(standing.state, Cause::ManifestSet, means),
    ])
}

fn recover(standing: Standing<'_>, caller: Digest, means: &Means<'_>) -> Result<Vec<Event>, Refusal> {
    let (Some(current), Some(transition)) = (standing.manifest, standing.state.latest_transition()) else {
        return Err(Refusal::NoManifest);
    };
    if !current.manifest().seedshare_owners.iter().any(|owner| owner.digest() == caller) {
        return Err(Refusal::NotASeedShareOwner);
    }
    let recovered = Recovered { author: Author::TlsKey(caller), transition };
    Ok(vec![
        event(means, EventKind::Recovered(recovered)),
        generation_started(standing.state, Cause::Recovery, means),
    ])
}

/// Whether this very request was carried out before: its sender did not get the answer.
///
/// That is certain for the first manifest, whose answer holds no secret, and for an atomic update by the same
/// author, which names the transition that it wants to follow.
fn is_repetition(standing: Standing<'_>, set: &SetManifest) -> bool {
    let (Some(latest), Some(current)) = (&standing.state.latest, standing.manifest) else { return false };
    latest.manifest == set.manifest.digest()
        && match set.expected_previous {
            None | Some(NO_TRANSITION) => standing.state.manifests == 1,
            Some(expected) if expected != latest.previous => false,
            Some(_) => match latest.author {
                Author::Anyone => false,
                Author::TlsKey(key) => set.caller.is_some_and(|caller| caller.digest == key),
                Author::Signature(key) => {
                    signer(current, set, latest.transition).is_some_and(|owner| owner.digest() == key)
                }
            },
        }
}

/// Anybody may set the first manifest, unless the Coordinator was started for certain owners. If it was one of them,
/// or one of its own owners, the history says so.
///
/// Of an initial owner only a digest is known. A signature can therefore only be that of a key which the manifest
/// has; a TLS key brings itself along, also for a manifest that lists no owners because it shall never change.
fn first_author(
    initial_owners: Option<&InitialOwners>,
    set: &SetManifest,
    transition: Digest,
) -> Result<Author, Refusal> {
    let signer = signer(&set.manifest, set, transition).map(WorkloadOwner::digest);
    let Some(initial) = initial_owners else {
        let owners = &set.manifest.manifest().workload_owners;
        let is_owner = |caller: &Caller| owners.iter().any(|owner| owner.digest() == caller.digest);
        let caller = set.caller.filter(is_owner).map(|caller| Author::TlsKey(caller.digest));
        return Ok(signer.map(Author::Signature).or(caller).unwrap_or(Author::Anyone));
    };
    let signer = signer.filter(|signer| initial.contains(signer)).map(Author::Signature);
    let caller = set.caller.filter(|caller| initial.contains(&caller.spki_digest));
    signer.or(caller.map(|caller| Author::TlsKey(caller.digest))).ok_or_else(|| Refusal::NotAnInitialOwner {
        owners: initial.clone(),
        caller: set.caller.map(|caller| caller.spki_digest),
        signed: set.signature.is_some(),
    })
}

/// The owner that `document` names and that signed the transition.
fn signer<'a>(
    document: &'a ManifestDocument,
    set: &SetManifest,
    transition: Digest,
) -> Option<&'a WorkloadOwner> {
    document.manifest().workload_owners.signer(&transition, set.signature.as_deref()?)
}

fn authorise(current: &ManifestDocument, set: &SetManifest, transition: Digest) -> Result<Author, Refusal> {
    let owners = &current.manifest().workload_owners;
    if owners.is_empty() {
        return Err(Refusal::UpdatesDisabled);
    }
    let author = match (&set.signature, set.caller.map(|caller| caller.digest)) {
        (Some(_), _) => {
            Author::Signature(signer(current, set, transition).ok_or(Refusal::BadSignature)?.digest())
        }
        (None, Some(caller)) if owners.iter().any(|owner| owner.digest() == caller) => Author::TlsKey(caller),
        (None, Some(caller)) => return Err(Refusal::NotAWorkloadOwner { caller }),
        (None, None) => return Err(Refusal::NoCredentials),
    };
    if current.manifest().seedshare_owners != set.manifest.manifest().seedshare_owners {
        return Err(Refusal::SeedShareOwnersChanged);
    }
    Ok(author)
}

/// The digests of all policies that the manifest refers to; each must have come with it, and not be too long.
fn referenced_policies(set: &SetManifest) -> Result<Vec<Digest>, Refusal> {
    let referenced: BTreeSet<Digest> = set.manifest.manifest().policies.keys().copied().collect();
    let missing: Vec<Digest> =
        referenced.iter().filter(|digest| !set.policies.contains_key(*digest)).copied().collect();
    if !missing.is_empty() {
        return Err(Refusal::PoliciesMissing(missing));
    }
    let is_too_long =
        |digest: &&Digest| set.policies.get(*digest).is_some_and(|text| text.len() > MAX_POLICY_LEN);
    let policies: Vec<Digest> = referenced.iter().filter(is_too_long).copied().collect();
    if !policies.is_empty() {
        return Err(Refusal::PolicyTooLong { policies, limit: MAX_POLICY_LEN });
    }
    Ok(referenced.into_iter().collect())
}

fn generation_started(state: &State, cause: Cause, means: &Means<'_>) -> Event {
    let started = CaGenerationStarted {
        generation: state.generation + 1,
        cause,
        certificates: means.generation.clone(),
        lasting: state.lasting.is_none().then(|| means.lasting.clone()),
    };
    event(means, EventKind::CaGenerationStarted(started))
}

fn event(means: &Means<'_>, kind: EventKind) -> Event {
    Event { time_unix_ms: means.now_unix_ms, kind }
}
