//! What the Coordinator proves, and what it says after that.

use std::time::SystemTime;

use contrast_attestation::EvidenceType;
use contrast_manifest::ManifestDocument;

use super::{Attested, CoordinatorState};
use crate::{
    coordinator::{Address, Coordinator, Extent, FetchError},
    deployment::Known,
    failure::{Advice, Failure},
    history::{Checked, Contents, History, readable_time},
};

/// Attests the Coordinator and asks for its state. Never fails: what goes wrong is part of the answer.
pub(crate) async fn ask(address: &Address, document: &ManifestDocument, known: &Known) -> Attested {
    let mut attested = Attested {
        address: Some(address.way.host_port.clone()),
        local_manifest: Some(hex::encode(document.digest())),
        ..Attested::default()
    };
    let mut coordinator = match Coordinator::connect(address).await {
        Ok(coordinator) => coordinator,
        Err(error) => {
            let state = match error.is_transient() {
                true => CoordinatorState::Unreachable,
                false => CoordinatorState::NotAttested,
            };
            return because(attested, state, error);
        }
    };
    attested.state = CoordinatorState::Unknown;
    if let Some(claims) = coordinator.claims() {
        attested.simulated = claims.evidence_type == EvidenceType::Simulated;
        attested.accepted_by = Some(claims.accepted_by.clone());
        attested.policy = Some(hex::encode(claims.host_data));
    }
    match coordinator.history(Extent::EventsOnly).await {
        Ok(history) => of_history(attested, &history, document, known),
        Err(error) => without_history(attested, error, known),
    }
}

/// There is no manifest to judge a Coordinator by.
pub(crate) fn without_manifest(failure: &Failure) -> Attested {
    Attested {
        state: CoordinatorState::NotAttested,
        reason: Some(format!("there is no manifest to judge it by: {}", failure.sentence())),
        advice: Some("make one with `contrast generate`, or name it with --manifest".to_owned()),
        ..Attested::default()
    }
}

/// No way leads there.
pub(crate) fn without_way(document: Option<&ManifestDocument>, failure: &Failure) -> Attested {
    Attested {
        state: CoordinatorState::Unreachable,
        local_manifest: document.map(|document| hex::encode(document.digest())),
        reason: Some(failure.sentence()),
        advice: failure.advice().map(str::to_owned),
        ..Attested::default()
    }
}

fn of_history(
    mut attested: Attested,
    history: &History,
    document: &ManifestDocument,
    known: &Known,
) -> Attested {
    let checked = match history.check(Contents::Absent, SystemTime::now()) {
        Ok(checked) => checked,
        Err(error) => return because(attested, CoordinatorState::NotAttested, error),
    };
    if let Err(error) = known.refuse_other(history, &checked) {
        return because(attested, CoordinatorState::NotAttested, error);
    }
    let Checked { current_manifest, latest_transition, .. } = checked;
    let settings = history.settings();
    attested.state = CoordinatorState::Active;
    attested.manifest = Some(hex::encode(current_manifest));
    attested.same_manifest = Some(current_manifest == document.digest());
    attested.latest_transition = Some(hex::encode(latest_transition));
    attested.remembered = known.transition().map(|remembered| remembered == latest_transition);
    attested.set_at = settings.last().map(|setting| readable_time(setting.time_unix_ms));
    attested.manifests = Some(settings.len());
    if attested.same_manifest == Some(false) {
        attested.advice = Some(
            "look at its manifests with `contrast verify`; if yours is the newer one, give it with `contrast set`"
                .to_owned(),
        );
    }
    attested
}

fn without_history(mut attested: Attested, error: FetchError, known: &Known) -> Attested {
    if error.says_that_there_is_no_manifest() {
        if let Some(remembered) = known.transition() {
            return because(attested, CoordinatorState::NotAttested, known.rolled_back(remembered));
        }
        attested.state = CoordinatorState::Uninitialised;
        attested.advice = Some("give it the manifest with `contrast set`".to_owned());
        return attested;
    }
    if matches!(&error, FetchError::Coordinator(error) if error.says_that_it_is_locked()) {
        attested.state = CoordinatorState::Locked;
        attested.advice = Some("unlock it with `contrast recover`".to_owned());
        return attested;
    }
    let state = match &error {
        FetchError::Coordinator(_) => CoordinatorState::Unknown,
        FetchError::History(_) => CoordinatorState::NotAttested,
    };
    because(attested, state, error)
}

fn because(attested: Attested, state: CoordinatorState, error: impl Advice) -> Attested {
    let failure = Failure::from(error);
    let reason = [vec![failure.sentence()], failure.causes()].concat().join(": ");
    Attested { state, reason: Some(reason), advice: failure.advice().map(str::to_owned), ..attested }
}
