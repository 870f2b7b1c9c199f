//! What an engine that fails or forgets can do to a Coordinator: make it say so, and nothing else.

use contrast_coordinator::authority::Phase;
use contrast_store::faults::{Fault, Medium};

use crate::support::{first_set, manifest, recovery, set, start, summary};

/// Operations of the engine that a start, two sets, another start and a recovery take at most.
const OPERATIONS: u64 = 60;

#[test]
fn whatever_operation_fails_the_history_stays_what_was_acknowledged() {
    for fault in [Fault::Fail, Fault::FailAfterwards, Fault::DiskFull] {
        for operation in 0..OPERATIONS {
            let context = format!("{fault:?} at operation {operation}");
            let medium = Medium::new();
            medium.inject(operation, fault);
            let acknowledged = live(&medium);
            let content = medium.content();
            let healed = Medium::new();
            healed.edit(|empty| *empty = content);
            let authority = start(&healed).expect(&context);
            match authority.phase() {
                Phase::Uninitialised => assert_eq!(acknowledged, 0, "{context}"),
                Phase::Active(_) => panic!("{context}: nobody unlocked it"),
                Phase::Locked(_) => {
                    let active = authority.recover(recovery(&authority)).expect(&context);
                    assert!(active.state.manifests >= acknowledged, "{context}");
                    // One that failed may still be there; more than was asked for can not.
                    assert!(active.state.manifests <= acknowledged + 1, "{context}");
                }
            }
        }
    }
}

/// Starts, sets two manifests, restarts and recovers, as far as the medium allows. Returns how many sets were
/// acknowledged.
fn live(medium: &Medium) -> u64 {
    let mut acknowledged = 0;
    let Ok(authority) = start(medium) else { return 0 };
    for name in ["a", "b"] {
        let before = authority.active().ok().map(|active| summary(&active));
        match authority.set_manifest(set_or_first(name, &authority)) {
            Ok(active) => {
                acknowledged += 1;
                assert_eq!(active.state.manifests, acknowledged);
            }
            Err(_) => {
                assert_eq!(before, authority.active().ok().map(|active| summary(&active)), "still the same")
            }
        }
    }
    drop(authority);
    if let Ok(authority) = start(medium)
        && matches!(authority.phase(), Phase::Locked(_))
    {
        // It may fail, also when it is tried again at once; what matters is what is on the medium afterwards.
        if authority.recover(recovery(&authority)).is_err() {
            let _ = authority.recover(recovery(&authority));
        }
    }
    acknowledged
}

fn set_or_first(
    name: &str,
    authority: &contrast_coordinator::authority::Authority,
) -> contrast_coordinator::command::SetManifest {
    match authority.phase() {
        Phase::Uninitialised => first_set(manifest(name)),
        _ => set(manifest(name), authority),
    }
}

#[test]
fn after_a_write_that_failed_the_next_one_succeeds_and_the_history_has_what_was_stored() {
    for (fault, stored) in [(Fault::Fail, false), (Fault::FailAfterwards, true)] {
        for recovering in [false, true] {
            let context = format!("{fault:?}, recovering: {recovering}");
            let medium = Medium::new();
            let mut authority = start(&medium).unwrap();
            authority.set_manifest(first_set(manifest("a"))).unwrap();
            if recovering {
                authority = start(&medium).unwrap();
            }
            let attempt = |authority: &contrast_coordinator::authority::Authority| match recovering {
                true => authority.recover(recovery(authority)),
                false => authority.set_manifest(set(manifest("b"), authority)),
            };
            medium.fail_next_append(fault);
            let outcome = attempt(&authority);
            assert_eq!(outcome.is_ok(), stored, "{context}: {:?}", outcome.err());
            assert!(!authority.is_broken(), "{context}");
            if !stored {
                attempt(&authority).expect(&context);
            }
            let active = authority.set_manifest(set(manifest("c"), &authority)).expect(&context);
            assert_eq!(active.state.manifests, if recovering { 2 } else { 3 }, "{context}");
            let before = (active.state.manifests, active.state.latest_transition());
            let restarted = start(&medium).unwrap();
            let active = restarted.recover(recovery(&restarted)).expect(&context);
            assert_eq!((active.state.manifests, active.state.latest_transition()), before, "{context}");
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_anew_is_told_by_liveness_and_readiness() {
    use contrast_coordinator::{ops_api, refusal::Refusal};
    use tower::ServiceExt;
    let medium = Medium::new();
    let authority = start(&medium).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    let ops = ops_api::router(ops_api::Ops { authority: authority.clone(), metrics: None });
    let probe = async |path: &str| {
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        ops.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!((probe("/probe/liveness").await, probe("/probe/readiness").await), (200, 200));
    // Somebody else's record is where the doubtful one would be.
    medium.edit(|content| content.records.insert(2, vec![7; 90]));
    medium.fail_next_append(Fault::Fail);
    let outcome = authority.set_manifest(set(manifest("b"), &authority));
    assert!(matches!(outcome, Err(Refusal::Broken)));
    assert_eq!((probe("/probe/liveness").await, probe("/probe/readiness").await), (503, 503));
    let again = authority.set_manifest(set(manifest("b"), &authority));
    assert!(matches!(again, Err(Refusal::Broken)));
}

#[test]
fn a_medium_that_forgets_an_update_is_found_out_by_who_remembers_it() {
    let medium = Medium::new();
    let authority = start(&medium).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    let before = medium.content();
    let remembered =
        authority.set_manifest(set(manifest("b"), &authority)).unwrap().state.latest_transition();
    medium.edit(|content| *content = before);
    let restarted = start(&medium).unwrap();
    let mut request = recovery(&restarted);
    request.expected_transition = remembered;
    let refused = restarted.recover(request).err().unwrap().to_string();
    assert!(refused.contains("rolled back"), "{refused}");
    assert!(matches!(restarted.phase(), Phase::Locked(_)));
    // Whoever remembers an older state can still recover, and sees what there is.
    restarted.recover(recovery(&restarted)).unwrap();
}
