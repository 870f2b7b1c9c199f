//! Who is given the seed by a serving Coordinator, and what stays of it.

use std::{collections::BTreeMap, sync::Arc};

use contrast_attestation::EvidenceType;
use contrast_coordinator::{
    authority::Authority,
    command::{SeedRequest, SetManifest},
    event::{Digest, Event, EventKind, SeedHandedOver},
    refusal::Refusal,
    state::State,
};
use contrast_manifest::ManifestDocument;
use contrast_store::faults::{Fault, Medium};

use crate::support::{POLICY, digest, first_set, manifest, recovery, seedshare_owner, set, start};

const OTHER: &[u8] = b"package agent_policy\n# another Coordinator\n";

/// The manifest of this name with changes in its text.
fn changed(name: &str, change: impl FnOnce(&mut serde_json::Value)) -> ManifestDocument {
    let mut json = serde_json::from_slice(manifest(name).bytes()).unwrap();
    change(&mut json);
    ManifestDocument::parse(serde_json::to_vec(&json).unwrap()).unwrap()
}

/// The manifest of this name with one more Coordinator.
fn with_another(name: &str) -> ManifestDocument {
    changed(name, |json| {
        json["Policies"][hex::encode(digest(OTHER))] =
            serde_json::json!({ "SANs": [name], "Role": "coordinator" });
    })
}

fn set_with_all_policies(document: ManifestDocument, authority: &Authority) -> SetManifest {
    let policies = [POLICY, OTHER].map(|policy| (digest(policy), policy.to_vec()));
    SetManifest { policies: BTreeMap::from(policies), ..set(document, authority) }
}

fn asks(authority: &Authority, policy: &[u8]) -> SeedRequest {
    SeedRequest {
        policy: digest(policy),
        judged_by: authority.latest_transition(),
        platform: EvidenceType::Simulated,
        evidence: [6; 32],
        accepted_by: "simulated-0".to_owned(),
    }
}

fn events(authority: &Authority) -> Vec<Event> {
    let active = authority.active().unwrap();
    active.history.read(0..u64::MAX).map(|record| Event::decode(&record.unwrap().event).unwrap()).collect()
}

fn begun() -> (Medium, Arc<Authority>) {
    let medium = Medium::new();
    let authority = start(&medium).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    (medium, authority)
}

#[test]
fn a_hand_over_is_an_event_that_says_to_whom_and_on_which_evidence_and_it_is_replayed() {
    let (medium, authority) = begun();
    let active = authority.hand_over(asks(&authority, POLICY)).unwrap();
    let EventKind::SeedHandedOver(handed) = events(&authority).pop().unwrap().kind else {
        panic!("the last event is another one")
    };
    let expected = SeedHandedOver {
        policy: digest(POLICY),
        transition: authority.latest_transition(),
        platform: EvidenceType::Simulated,
        evidence: [6; 32],
        accepted_by: "simulated-0".to_owned(),
    };
    assert_eq!((handed, active.events), (expected, 3));
    let restarted = start(&medium).unwrap();
    let recovered = restarted.recover(recovery(&restarted)).unwrap();
    assert!(recovered.state.seed_access.may_have_seed(&digest(POLICY)));
    restarted.hand_over(asks(&restarted, POLICY)).unwrap();
}

#[test]
fn nobody_gets_the_seed_if_the_event_cannot_be_stored() {
    let mut failed = 0;
    for operation in 0..40 {
        let medium = Medium::new();
        medium.inject(operation, Fault::Fail);
        let Ok(authority) = start(&medium) else { continue };
        if authority.set_manifest(first_set(manifest("a"))).is_err() {
            continue;
        }
        let outcome = authority.hand_over(asks(&authority, POLICY));
        // Whoever was given the seed is in the history; nobody else was given anything.
        let stored = medium.content();
        let healed = Medium::new();
        healed.edit(|empty| *empty = stored);
        let restarted = start(&healed).unwrap();
        restarted.recover(recovery(&restarted)).unwrap();
        let written = events(&restarted)
            .into_iter()
            .filter(|event| matches!(event.kind, EventKind::SeedHandedOver(_)))
            .count();
        match outcome {
            Ok(_) => assert_eq!(written, 1, "operation {operation}"),
            Err(_) => failed += 1,
        }
    }
    assert!(failed > 0, "no operation of a hand-over was hit");
}

#[test]
fn only_a_coordinator_of_the_current_manifest_that_was_judged_by_it_gets_the_seed() {
    let (_, authority) = begun();
    let before = asks(&authority, POLICY);
    let stranger = authority.hand_over(asks(&authority, b"another policy")).err().unwrap();
    assert!(matches!(stranger, Refusal::UnknownPolicy(_)), "{stranger}");
    authority.set_manifest(set(manifest("b"), &authority)).unwrap();
    let stale = authority.hand_over(before).err().unwrap();
    assert!(matches!(stale, Refusal::JudgedByAnotherManifest), "{stale}");
    let workload = changed("c", |json| {
        json["Policies"][hex::encode(digest(OTHER))] = serde_json::json!({ "SANs": ["c"] });
    });
    authority.set_manifest(set_with_all_policies(workload, &authority)).unwrap();
    let refused = authority.hand_over(asks(&authority, OTHER)).err().unwrap();
    assert!(matches!(refused, Refusal::NotACoordinator), "{refused}");
    authority.hand_over(asks(&authority, POLICY)).unwrap();
}

#[test]
fn a_workload_owner_alone_does_not_get_the_seed_by_a_policy_of_their_own() {
    let (medium, authority) = begun();
    authority.set_manifest(set_with_all_policies(with_another("b"), &authority)).unwrap();
    let length = events(&authority).len();
    let refused = authority.hand_over(asks(&authority, OTHER)).err().unwrap();
    assert!(refused.to_string().contains("contrast consent"), "{refused}");
    assert_eq!(events(&authority).len(), length);

    let transition = authority.latest_transition();
    let consent = seedshare_owner().consent(transition, vec![digest(OTHER)]).unwrap();
    authority.give_seed_consent(consent.clone()).unwrap();
    authority.give_seed_consent(consent).unwrap();
    assert_eq!(events(&authority).len(), length + 1, "repeated consent is no event");
    authority.hand_over(asks(&authority, OTHER)).unwrap();
    let restarted = start(&medium).unwrap();
    restarted.recover(recovery(&restarted)).unwrap();
    restarted.hand_over(asks(&restarted, OTHER)).unwrap();
}

#[test]
fn a_workload_owner_alone_does_not_get_the_seed_by_other_hardware_either() {
    let (_, authority) = begun();
    let weaker = changed("a", |json| {
        json["ReferenceValues"]["simulated"][0]["Root"] = serde_json::json!("55".repeat(32));
    });
    authority.set_manifest(set(weaker, &authority)).unwrap();
    let refused = authority.hand_over(asks(&authority, POLICY)).err().unwrap();
    assert!(matches!(refused, Refusal::ConsentNeeded(_)), "{refused}");
}

#[test]
fn consent_with_a_set_holds_for_that_set_and_no_other() {
    let (_, authority) = begun();
    let previous = authority.latest_transition();
    let document = with_another("b");
    let transition = contrast_manifest::transition_hash(document.digest(), previous);
    let consent = seedshare_owner().consent(transition, vec![digest(OTHER)]).unwrap();
    let mut other = set_with_all_policies(with_another("c"), &authority);
    other.seed_consent = Some(consent.clone());
    let refused = authority.set_manifest(other).err().unwrap();
    assert!(matches!(refused, Refusal::ConsentToAnother { .. }), "{refused}");
    assert_eq!(events(&authority).len(), 2, "the manifest was not set either");
    let mut right = set_with_all_policies(document, &authority);
    right.seed_consent = Some(consent);
    authority.set_manifest(right).unwrap();
    assert_eq!(events(&authority).len(), 5);
    authority.hand_over(asks(&authority, OTHER)).unwrap();
    // The next manifest keeps policy and hardware, so the consent holds; without the policy it is gone for good.
    authority.set_manifest(set_with_all_policies(with_another("d"), &authority)).unwrap();
    authority.hand_over(asks(&authority, OTHER)).unwrap();
    authority.set_manifest(set(manifest("e"), &authority)).unwrap();
    authority.set_manifest(set_with_all_policies(with_another("f"), &authority)).unwrap();
    assert!(matches!(authority.hand_over(asks(&authority, OTHER)), Err(Refusal::ConsentNeeded(_))));
}

#[test]
fn consent_that_no_seed_share_owner_signed_is_refused() {
    let (_, authority) = begun();
    authority.set_manifest(set_with_all_policies(with_another("b"), &authority)).unwrap();
    let consent = |transition: Digest, policy| seedshare_owner().consent(transition, vec![policy]).unwrap();
    let latest = authority.latest_transition();
    let mut forged = consent(latest, digest(OTHER));
    forged.signature[9] ^= 1;
    assert!(matches!(authority.give_seed_consent(forged), Err(Refusal::BadConsent)));
    let older = consent([1; 32], digest(OTHER));
    assert!(matches!(authority.give_seed_consent(older), Err(Refusal::ConsentToAnother { .. })));
    let foreign = consent(latest, [1; 32]);
    assert!(matches!(authority.give_seed_consent(foreign), Err(Refusal::ConsentFault(_))));
    assert_eq!(events(&authority).len(), 4);
}

#[test]
fn a_peer_that_asks_again_and_again_does_not_flood_the_history() {
    let (_, authority) = begun();
    let granted = (0..100).filter(|_| authority.hand_over(asks(&authority, POLICY)).is_ok()).count();
    assert_eq!((granted, events(&authority).len()), (8, 10));
    let refused = authority.hand_over(asks(&authority, POLICY)).err().unwrap();
    assert!(matches!(refused, Refusal::HandedOverTooOften { .. }), "{refused}");
}

#[test]
fn a_history_that_gave_the_seed_to_who_was_not_entitled_is_refused() {
    let (_, authority) = begun();
    authority.hand_over(asks(&authority, POLICY)).unwrap();
    let mut events = events(&authority);
    let fold = |events: &[Event]| {
        let mut state = State::default();
        events.iter().try_for_each(|event| state.apply(event.clone()))
    };
    assert!(fold(&events).is_ok());
    let honest = events.clone();
    for change in
        [(|handed: &mut SeedHandedOver| handed.policy = [1; 32]) as fn(&mut SeedHandedOver), |handed| {
            handed.transition = [1; 32]
        }]
    {
        events = honest.clone();
        if let Some(EventKind::SeedHandedOver(handed)) = events.last_mut().map(|event| &mut event.kind) {
            change(handed);
        }
        assert!(fold(&events).is_err());
    }
    // Not between a manifest and its CA generation.
    events = honest;
    events.swap(1, 2);
    assert!(fold(&events).is_err());
}
