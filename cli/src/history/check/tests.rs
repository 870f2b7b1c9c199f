use rcgen::ExtendedKeyUsagePurpose;

use super::*;
use crate::history::testing::{Scribe, check, manifest_of};

fn history() -> History {
    Scribe::of(&["first", "second"])
}

/// The manifest events of a history, to be changed.
fn sets(history: &mut History) -> Vec<&mut ManifestSet> {
    let events = history.records.iter_mut().map(|record| &mut record.event);
    events
        .filter_map(|event| match event {
            Event::ManifestSet(set) => Some(set),
            _ => None,
        })
        .collect()
}

/// The CA generations of a history, to be changed.
fn generations(history: &mut History) -> Vec<&mut CaGeneration> {
    let events = history.records.iter_mut().map(|record| &mut record.event);
    events
        .filter_map(|event| match event {
            Event::CaGenerationStarted(started) => Some(started),
            _ => None,
        })
        .collect()
}

fn error_after(change: impl FnOnce(&mut History)) -> HistoryError {
    let mut history = history();
    change(&mut history);
    check(&history).expect_err("the history should be refused")
}

#[test]
fn a_true_history_is_accepted_and_ends_with_its_last_manifest() {
    let history = history();
    let checked = check(&history).unwrap();
    let last = history.manifests().last().unwrap();
    assert_eq!(checked.latest_transition, last.transition);
    assert_eq!(checked.current_manifest, last.manifest);
    assert_eq!(checked.ca_generation, 3);
    assert!(history.contains(&last.previous));
    assert!(!history.contains(&[1; 32]));
}

#[test]
fn an_exchanged_manifest_is_noticed() {
    let error = error_after(|history| sets(history)[0].manifest = [1; 32]);
    assert!(matches!(error, HistoryError::TransitionHash { position: 0 }), "{error}");
}

#[test]
fn an_exchanged_manifest_with_a_fitting_hash_is_noticed_by_its_signature() {
    let error = error_after(|history| {
        let mut sets = sets(history);
        sets[1].manifest = [1; 32];
        sets[1].transition = transition_hash([1; 32], sets[1].previous);
    });
    assert!(matches!(error, HistoryError::Signature { position: 2 }), "{error}");
}

#[test]
fn a_manifest_that_was_cut_out_is_noticed() {
    let error = error_after(|history| {
        history.records.drain(2..4);
        for (position, record) in history.records.iter_mut().enumerate() {
            record.position = position as u64;
        }
    });
    assert!(matches!(error, HistoryError::RecoveredTransition { position: 2 }), "{error}");
    let error = error_after(|history| {
        history.records.drain(..2);
        history.records[0].position = 0;
    });
    assert!(matches!(error, HistoryError::PreviousTransition { position: 0 }), "{error}");
}

#[test]
fn a_gap_in_the_positions_is_noticed() {
    let error = error_after(|history| drop(history.records.remove(1)));
    assert!(matches!(error, HistoryError::Position { expected: 1, found: 2 }), "{error}");
}

#[test]
fn a_history_signed_by_another_deployment_is_refused() {
    let error = error_after(|history| history.anchors.root_ca = Scribe::new().history.anchors.root_ca);
    assert!(matches!(error, HistoryError::Certificate { name: "transition signer", .. }), "{error}");
}

#[test]
fn a_mesh_ca_that_the_root_ca_did_not_sign_is_refused() {
    let other = generations(&mut history())[0].clone();
    let error = error_after(|history| {
        generations(history)[1].intermediate_ca = other.intermediate_ca;
    });
    assert!(matches!(error, HistoryError::Certificate { name: "intermediate CA", .. }), "{error}");
    let error = error_after(|history| {
        let mesh_ca = generations(history)[0].mesh_ca.clone();
        generations(history)[1].mesh_ca = mesh_ca;
    });
    assert!(matches!(error, HistoryError::Certificate { name: "mesh CA", .. }), "{error}");
}

#[test]
fn an_authority_that_may_not_sign_certificates_is_refused() {
    let error = error_after(|history| {
        let signer = history.anchors.transition_signer.clone();
        generations(history)[1].intermediate_ca = signer;
    });
    assert!(
        matches!(error, HistoryError::Certificate { source: CertificateError::NotAnAuthority, .. }),
        "{error}"
    );
}

#[test]
fn a_generation_that_is_left_out_is_noticed() {
    let error = error_after(|history| generations(history)[1].generation = 3);
    assert!(matches!(error, HistoryError::Generation { position: 3, expected: 2, found: 3 }), "{error}");
}

#[test]
fn certificates_other_than_those_that_the_coordinator_shows_are_refused() {
    let error = error_after(|history| {
        let older = generations(history)[0].mesh_ca.clone();
        history.anchors.mesh_ca = older;
    });
    assert!(matches!(error, HistoryError::OtherCertificate { name: "mesh CA" }), "{error}");
    let error = error_after(|history| generations(history)[0].root_ca = b"other".to_vec());
    assert!(matches!(error, HistoryError::OtherCertificate { name: "root CA" }), "{error}");
}

#[test]
fn an_absent_manifest_or_policy_is_noticed_where_contents_are_required() {
    let mut history = history();
    let policy = history.manifests().next().unwrap().policies[0];
    history.contents.remove(&policy);
    let error = check(&history).unwrap_err();
    assert!(
        matches!(error, HistoryError::MissingContent { position: 0, digest } if digest == policy),
        "{error}"
    );
    assert!(history.check(Contents::Absent, SystemTime::now()).is_ok());
}

#[test]
fn a_history_without_any_manifest_is_refused() {
    let mut history = history();
    history.records.clear();
    assert!(matches!(check(&history), Err(HistoryError::Empty)));
}

#[test]
fn certificates_are_not_accepted_after_their_time() {
    let later = SystemTime::now() + Duration::from_secs(60 * 60 * 24 * 365 * 10_000 / 4);
    let error = history().check(Contents::Required, later).unwrap_err();
    assert!(matches!(error, HistoryError::Certificate { source: CertificateError::Expired, .. }), "{error}");
}

#[test]
fn an_event_with_other_policies_than_its_manifest_is_refused() {
    let mut left_out = Scribe::new();
    left_out.set(&manifest_of("one", &["a", "b"]), &["a"]);
    let mut added = Scribe::new();
    added.set(&manifest_of("one", &["a"]), &["a", "b"]);
    for scribe in [left_out, added] {
        assert!(matches!(check(&scribe.history), Err(HistoryError::Policies { position: 0 })));
        assert!(scribe.history.check(Contents::Absent, SystemTime::now()).is_ok());
    }
}

#[test]
fn a_manifest_that_is_none_is_refused() {
    let mut scribe = Scribe::new();
    scribe.set("{}", &[]);
    assert!(matches!(check(&scribe.history), Err(HistoryError::Manifest { position: 0, .. })));
}

#[test]
fn events_in_an_order_that_no_coordinator_writes_are_refused() {
    let swap = |history: &mut History, one: usize, other: usize| {
        history.records.swap(one, other);
        for (position, record) in history.records.iter_mut().enumerate() {
            record.position = position as u64;
        }
    };
    // A manifest, its CA generation, a manifest, its CA generation, a recovery, its CA generation.
    let error = error_after(|history| swap(history, 0, 1));
    assert!(matches!(error, HistoryError::Order { position: 0 }), "{error}");
    let error = error_after(|history| swap(history, 1, 2));
    assert!(matches!(error, HistoryError::Order { position: 1 }), "{error}");
    let error = error_after(|history| drop(history.records.pop()));
    assert!(matches!(error, HistoryError::Order { position: 5 }), "{error}");
    let error = error_after(|history| generations(history)[2].cause = Cause::ManifestSet);
    assert!(matches!(error, HistoryError::Order { position: 5 }), "{error}");
    let error = error_after(|history| {
        history.records.drain(..4);
        history.records.iter_mut().zip(0..).for_each(|(record, position)| record.position = position);
    });
    assert!(matches!(error, HistoryError::Order { position: 0 }), "{error}");
}

#[test]
fn a_recovery_of_a_log_that_was_cut_before_its_ca_generation_is_accepted() {
    let mut scribe = Scribe::new();
    scribe.set(&manifest_of("one", &["a"]), &["a"]);
    scribe.recover();
    let mut history = scribe.history;
    history.records.remove(3);
    let mut generations = generations(&mut history);
    generations[0].cause = Cause::Recovery;
    history.anchors.mesh_ca = generations[0].mesh_ca.clone();
    history.records.swap(1, 2);
    history.records.iter_mut().zip(0..).for_each(|(record, position)| record.position = position);
    check(&history).unwrap();
}

#[test]
fn a_transition_signer_that_could_be_something_else_is_refused() {
    let refusal = |name: &str, authority: bool| {
        let mut scribe = Scribe::new();
        scribe.replace_signer(name, authority);
        scribe.set(&manifest_of("one", &["a"]), &["a"]);
        match check(&scribe.history) {
            Err(HistoryError::Certificate { name: "transition signer", source }) => Some(source),
            other => other.map(|_| None).unwrap(),
        }
    };
    assert_eq!(refusal("system:coordinator:transitions", false), None);
    assert!(matches!(refusal("shop", false), Some(CertificateError::Name { .. })));
    assert_eq!(refusal("system:coordinator:transitions", true), Some(CertificateError::Authority));
}

#[test]
fn a_transition_signer_with_another_purpose_is_refused() {
    let refusal = |purposes: &[ExtendedKeyUsagePurpose]| {
        let mut scribe = Scribe::new();
        scribe.replace_signer_for(purposes);
        scribe.set(&manifest_of("one", &["a"]), &["a"]);
        check(&scribe.history).err().map(|error| error.to_string())
    };
    let own = ExtendedKeyUsagePurpose::Other(vec![1, 3, 9901, 3, 100]);
    assert_eq!(refusal(&[]), None, "as older deployments have it");
    assert_eq!(refusal(std::slice::from_ref(&own)), None);
    for purposes in [vec![ExtendedKeyUsagePurpose::ServerAuth], vec![own, ExtendedKeyUsagePurpose::Any]] {
        let told = refusal(&purposes);
        assert!(told.as_ref().is_some_and(|told| told.contains("other purposes")), "{told:?}");
    }
}

#[test]
fn a_transition_signer_with_the_key_of_an_intermediate_ca_is_refused() {
    let mut scribe = Scribe::new();
    scribe.use_the_signers_key_for_the_mesh_ca();
    scribe.set(&manifest_of("one", &["a"]), &["a"]);
    let error = check(&scribe.history).unwrap_err();
    assert!(
        matches!(error, HistoryError::Certificate { source: CertificateError::SharedKey, .. }),
        "{error}"
    );
}

/// A history of manifests with these policies, all of which have the role of the Coordinator.
fn coordinators(manifests: &[&[&str]]) -> Scribe {
    let mut scribe = Scribe::new();
    for policies in manifests {
        scribe.set(&manifest_of("seed", policies), policies);
    }
    scribe
}

#[test]
fn a_hand_over_to_an_entitled_policy_is_accepted_and_to_another_is_not() {
    let mut scribe = coordinators(&[&["a"], &["a", "b"]]);
    scribe.hand_over("a", "simulated-0");
    let checked = check(&scribe.history).unwrap();
    assert_eq!(checked.without_consent.len(), 1);
    scribe.hand_over("b", "simulated-0");
    let error = check(&scribe.history).unwrap_err();
    assert!(matches!(error, HistoryError::NotEntitled { position: 5, .. }), "{error}");
}

#[test]
fn a_hand_over_on_hardware_that_the_manifest_does_not_have_is_noticed() {
    let mut scribe = coordinators(&[&["a"]]);
    scribe.hand_over("a", "simulated-1");
    let error = check(&scribe.history).unwrap_err();
    assert!(matches!(error, HistoryError::NoSuchEntry { position: 2 }), "{error}");
}

#[test]
fn consent_that_no_seed_share_owner_signed_is_noticed() {
    let mut scribe = coordinators(&[&["a"], &["a", "b"]]);
    scribe.consent("b");
    let error = check(&scribe.history).unwrap_err();
    assert!(matches!(error, HistoryError::Consent { position: 4, .. }), "{error}");
}

#[test]
fn an_event_that_names_other_coordinators_than_its_manifest_is_noticed() {
    let mut history = coordinators(&[&["a"], &["a", "b"]]).history;
    let all = sets(&mut history)[1].seed_grounds.clone();
    sets(&mut history)[0].seed_grounds = all;
    let error = check(&history).unwrap_err();
    assert!(matches!(error, HistoryError::SeedGrounds { position: 0 }), "{error}");
}
