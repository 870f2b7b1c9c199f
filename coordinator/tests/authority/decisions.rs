//! Who may do what, and what follows.

use contrast_coordinator::{
    event::{Author, Digest, EventKind},
    refusal::Refusal,
};
use contrast_manifest::transition_hash;
use contrast_store::faults::Medium;

use crate::support::{
    caller, digest, first_set, manifest, manifest_with, seedshare_owner, set, start, start_for, summary,
    workload_owner,
};

#[test]
fn the_first_manifest_may_be_set_by_anybody() {
    let authority = start(&Medium::new()).unwrap();
    let mut first = first_set(manifest("a"));
    first.caller = None;
    let active = authority.set_manifest(first).unwrap();
    assert_eq!(active.state.latest.as_ref().unwrap().author, Author::Anyone);
    assert_eq!((active.state.manifests, active.state.generation), (1, 1));
}

#[test]
fn an_update_follows_the_chain_and_starts_a_ca_generation() {
    let authority = start(&Medium::new()).unwrap();
    let first = authority.set_manifest(first_set(manifest("a"))).unwrap();
    let second = authority.set_manifest(set(manifest("b"), &authority)).unwrap();
    let previous = transition_hash(manifest("a").digest(), Digest::default());
    assert_eq!(second.state.latest_transition(), Some(transition_hash(manifest("b").digest(), previous)));
    assert_eq!(second.state.generation, 2);
    assert_ne!(first.ca.certificates(), second.ca.certificates());
    assert_eq!(first.lasting, second.lasting);
}

#[test]
fn an_update_without_an_owners_key_is_refused() {
    let authority = start(&Medium::new()).unwrap();
    let before = authority.set_manifest(first_set(manifest("a"))).unwrap();
    let mut nobody = set(manifest("b"), &authority);
    nobody.caller = None;
    assert!(matches!(authority.set_manifest(nobody), Err(Refusal::NoCredentials)));
    let mut stranger = set(manifest("b"), &authority);
    stranger.caller = Some(caller([9; 32]));
    assert!(
        matches!(authority.set_manifest(stranger), Err(Refusal::NotAWorkloadOwner { caller }) if caller == [9; 32])
    );
    assert_eq!(summary(&before), summary(&authority.active().unwrap()));
}

#[test]
fn a_detached_signature_of_an_owner_authorises_an_update_and_no_other_one() {
    let authority = start(&Medium::new()).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    let transition = transition_hash(manifest("b").digest(), authority.latest_transition());
    let signature = workload_owner().sign_transition(&transition).unwrap();
    let signed = |name| {
        let mut request = set(manifest(name), &authority);
        request.caller = None;
        request.signature = Some(signature.clone());
        request
    };
    assert!(matches!(authority.set_manifest(signed("c")), Err(Refusal::BadSignature)));
    let active = authority.set_manifest(signed("b")).unwrap();
    let owner = digest(workload_owner().spki_der());
    assert_eq!(active.state.latest.as_ref().unwrap().author, Author::Signature(owner));
    // It was for that place in the history only.
    assert!(matches!(
        authority.set_manifest(signed("b")),
        Err(Refusal::Concurrent { .. } | Refusal::BadSignature)
    ));
}

#[test]
fn a_manifest_without_owners_can_never_be_replaced() {
    let authority = start(&Medium::new()).unwrap();
    let fixed = manifest_with("a", &[seedshare_owner().owner().to_hex()], false);
    authority.set_manifest(first_set(fixed)).unwrap();
    let refused = authority.set_manifest(set(manifest("b"), &authority)).err().unwrap();
    assert!(matches!(refused, Refusal::UpdatesDisabled), "{refused}");
}

#[test]
fn seed_share_owners_cannot_change() {
    let authority = start(&Medium::new()).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    let other = manifest_with("b", &[], true);
    let refused = authority.set_manifest(set(other, &authority)).err().unwrap();
    assert!(matches!(refused, Refusal::SeedShareOwnersChanged), "{refused}");
}

#[test]
fn a_missing_policy_is_named() {
    let authority = start(&Medium::new()).unwrap();
    let mut request = first_set(manifest("a"));
    let (missing, _) = request.policies.pop_first().unwrap();
    let refused = authority.set_manifest(request).err().unwrap();
    assert!(refused.to_string().contains(&hex::encode(missing)), "{refused}");
    assert!(matches!(authority.active(), Err(Refusal::NoManifest)), "nothing changed");
}

#[test]
fn an_atomic_update_for_another_history_is_refused() {
    let authority = start(&Medium::new()).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    let mut request = set(manifest("b"), &authority);
    request.expected_previous = Some([5; 32]);
    let refused = authority.set_manifest(request).err().unwrap();
    assert!(matches!(refused, Refusal::TransitionMismatch { .. }), "{refused}");
}

#[test]
fn an_update_that_others_overtook_is_refused() {
    let authority = start(&Medium::new()).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    let (mine, theirs) = (set(manifest("b"), &authority), set(manifest("c"), &authority));
    authority.set_manifest(mine).unwrap();
    let refused = authority.set_manifest(theirs).err().unwrap();
    assert!(matches!(refused, Refusal::Concurrent { latest } if latest == authority.latest_transition()));
}

#[test]
fn repeating_the_first_set_answers_the_same_and_adds_nothing() {
    let authority = start(&Medium::new()).unwrap();
    let first = authority.set_manifest(first_set(manifest("a"))).unwrap();
    let mut again = first_set(manifest("a"));
    again.caller = None;
    let second = authority.set_manifest(again).unwrap();
    assert_eq!(first.seed_shares, second.seed_shares);
    assert_eq!(first.history.head(), second.history.head());
}

#[test]
fn repeating_an_atomic_set_answers_the_same_and_adds_nothing() {
    let authority = start(&Medium::new()).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    let atomic = || {
        let mut request = set(manifest("b"), &authority);
        request.expected_previous = Some(transition_hash(manifest("a").digest(), Digest::default()));
        request
    };
    let first = authority.set_manifest(atomic()).unwrap();
    let second = authority.set_manifest(atomic()).unwrap();
    assert_eq!(first.history.head(), second.history.head());
    assert_eq!(first.ca.certificates(), second.ca.certificates());
}

#[test]
fn an_owner_who_sets_the_current_manifest_again_gets_a_new_ca_generation() {
    let authority = start(&Medium::new()).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    authority.set_manifest(set(manifest("b"), &authority)).unwrap();
    let active = authority.set_manifest(set(manifest("b"), &authority)).unwrap();
    assert_eq!((active.state.manifests, active.state.generation), (3, 3));
    let last = active.history.read(active.history.head().events - 1..u64::MAX).next().unwrap().unwrap();
    let event = contrast_coordinator::event::Event::decode(&last.event).unwrap();
    assert!(matches!(event.kind, EventKind::CaGenerationStarted(started) if started.generation == 3));
}

#[test]
fn an_atomic_set_by_somebody_else_is_no_repetition() {
    let authority = start(&Medium::new()).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    authority.set_manifest(set(manifest("b"), &authority)).unwrap();
    let mut stranger = set(manifest("b"), &authority);
    stranger.expected_previous = Some(transition_hash(manifest("a").digest(), Digest::default()));
    stranger.caller = Some(caller([9; 32]));
    let refused = authority.set_manifest(stranger).err().unwrap();
    assert!(matches!(refused, Refusal::TransitionMismatch { .. }), "{refused}");
}

#[test]
fn the_history_says_who_began_it_if_that_was_an_owner() {
    let authority = start(&Medium::new()).unwrap();
    let active = authority.set_manifest(first_set(manifest("a"))).unwrap();
    let owner = digest(workload_owner().spki_der());
    assert_eq!(active.state.latest.as_ref().unwrap().author, Author::TlsKey(owner));
}

#[test]
fn a_manifest_that_was_to_be_the_first_and_is_not_changes_nothing() {
    let authority = start(&Medium::new()).unwrap();
    let before = authority.set_manifest(first_set(manifest("a"))).unwrap();
    let mut late = set(manifest("b"), &authority);
    late.expected_previous = Some(Digest::default());
    let refused = authority.set_manifest(late).err().unwrap();
    assert!(
        matches!(refused, Refusal::NotTheFirst { manifests: 1, latest } if latest == authority.latest_transition())
    );
    assert_eq!(summary(&before), summary(&authority.active().unwrap()));
}

#[test]
fn repeating_a_first_set_that_was_to_be_the_first_answers_the_same_whoever_signed_it() {
    let authority = start(&Medium::new()).unwrap();
    let transition = transition_hash(manifest("a").digest(), Digest::default());
    let mut request = first_set(manifest("a"));
    request.expected_previous = Some(Digest::default());
    request.signature = Some(workload_owner().sign_transition(&transition).unwrap());
    let first = authority.set_manifest(request).unwrap();
    let owner = digest(workload_owner().spki_der());
    assert_eq!(first.state.latest.as_ref().unwrap().author, Author::Signature(owner));
    let mut again = first_set(manifest("a"));
    again.expected_previous = Some(Digest::default());
    let second = authority.set_manifest(again).unwrap();
    assert_eq!((&first.seed_shares, first.history.head()), (&second.seed_shares, second.history.head()));
}

#[test]
fn an_update_by_somebody_who_knows_what_the_history_lost_is_refused() {
    let authority = start(&Medium::new()).unwrap();
    let before = authority.set_manifest(first_set(manifest("a"))).unwrap();
    for name in ["a", "b"] {
        let mut request = set(manifest(name), &authority);
        request.missing = Some([5; 32]);
        let refused = authority.set_manifest(request).err().unwrap();
        assert!(matches!(refused, Refusal::RolledBack { expected, .. } if expected == [5; 32]), "{refused}");
    }
    assert_eq!(summary(&before), summary(&authority.active().unwrap()));
    // Also where there is no history at all any more.
    let emptied = start(&Medium::new()).unwrap();
    let mut request = first_set(manifest("a"));
    request.missing = Some([5; 32]);
    assert!(matches!(emptied.set_manifest(request), Err(Refusal::RolledBack { .. })));
    assert!(matches!(emptied.active(), Err(Refusal::NoManifest)));
}

#[test]
fn the_first_manifest_comes_from_an_initial_owner_if_there_are_any() {
    let owner = digest(workload_owner().spki_der());
    let authority = start_for(&Medium::new(), Some(hex::encode(owner).parse().unwrap())).unwrap();
    let refused = |change: &dyn Fn(&mut contrast_coordinator::command::SetManifest)| {
        let mut request = first_set(manifest("a"));
        change(&mut request);
        let refused = authority.set_manifest(request).err().unwrap();
        assert!(matches!(refused, Refusal::NotAnInitialOwner { .. }), "{refused}");
        assert!(refused.to_string().contains(&hex::encode(owner)), "it says whose turn it is: {refused}");
        assert!(matches!(authority.active(), Err(Refusal::NoManifest)), "nothing changed");
    };
    refused(&|request| request.caller = None);
    refused(&|request| request.caller = Some(caller([9; 32])));
    // An RSA key has two names, and initial owners are named by the other one.
    refused(&|request| {
        request.caller = Some(contrast_coordinator::command::Caller { digest: owner, spki_digest: [9; 32] });
    });
    refused(&|request| {
        request.caller = None;
        request.signature = Some(workload_owner().sign_transition(&[7; 32]).unwrap());
    });
    let active = authority.set_manifest(first_set(manifest("a"))).unwrap();
    assert_eq!(active.state.latest.as_ref().unwrap().author, Author::TlsKey(owner));
}

#[test]
fn an_initial_owner_may_sign_the_first_manifest_elsewhere() {
    let owner = digest(workload_owner().spki_der());
    let authority = start_for(&Medium::new(), Some(hex::encode(owner).parse().unwrap())).unwrap();
    let transition = transition_hash(manifest("a").digest(), Digest::default());
    let mut request = first_set(manifest("a"));
    request.caller = Some(caller([9; 32]));
    request.signature = Some(workload_owner().sign_transition(&transition).unwrap());
    let active = authority.set_manifest(request).unwrap();
    assert_eq!(active.state.latest.as_ref().unwrap().author, Author::Signature(owner));
}

#[test]
fn an_initial_owner_is_the_author_also_of_a_manifest_that_lists_no_owners() {
    let rsa = contrast_coordinator::command::Caller { digest: [1; 32], spki_digest: [2; 32] };
    let authority = start_for(&Medium::new(), Some(hex::encode([2; 32]).parse().unwrap())).unwrap();
    let fixed = manifest_with("a", &[seedshare_owner().owner().to_hex()], false);
    let mut request = first_set(fixed);
    request.caller = Some(rsa);
    let active = authority.set_manifest(request).unwrap();
    assert_eq!(active.state.latest.as_ref().unwrap().author, Author::TlsKey([1; 32]), "by its owner form");
}

#[test]
fn initial_owners_have_no_say_once_there_is_a_manifest() {
    let medium = Medium::new();
    start(&medium).unwrap().set_manifest(first_set(manifest("a"))).unwrap();
    let authority = start_for(&medium, Some(hex::encode([2; 32]).parse().unwrap())).unwrap();
    authority.recover(crate::support::recovery(&authority)).unwrap();
    authority.set_manifest(set(manifest("b"), &authority)).unwrap();
}
