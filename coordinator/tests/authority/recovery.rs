//! From locked to active, or not.

use contrast_coordinator::{
    authority::Phase,
    command::{Command, Means, Standing, decide},
    recovery::RecoveryRequest,
    refusal::Refusal,
    seed::Seed,
};
use contrast_store::faults::Medium;
use zeroize::Zeroizing;

use crate::support::{
    Summary, first_set, manifest, recovery, seedshare_owner, set, start, summary, unlimited_manifest,
};

fn locked() -> (Medium, Summary) {
    let medium = Medium::new();
    let authority = start(&medium).unwrap();
    authority.set_manifest(first_set(manifest("a"))).unwrap();
    let active = authority.set_manifest(set(manifest("b"), &authority)).unwrap();
    (medium, summary(&active))
}

#[test]
fn recovery_restores_everything_but_the_mesh_ca() {
    let (medium, (manifests, generation, transition, root_ca)) = locked();
    let authority = start(&medium).unwrap();
    let active = authority.recover(recovery(&authority)).unwrap();
    assert_eq!(summary(&active), (manifests, generation + 1, transition, root_ca));
    assert_eq!(active.manifest.bytes(), manifest("b").bytes());
}

#[test]
fn a_manifest_that_was_set_when_there_were_no_limits_is_recovered_and_replaced() {
    let medium = Medium::new();
    let old = unlimited_manifest();
    start(&medium).unwrap().set_manifest(first_set(old.clone())).unwrap();
    let authority = start(&medium).unwrap();
    let active = authority.recover(recovery(&authority)).unwrap();
    assert_eq!(active.manifest.bytes(), old.bytes());
    assert_eq!(authority.set_manifest(set(manifest("b"), &authority)).unwrap().state.manifests, 2);
}

#[test]
fn recovery_with_a_wrong_seed_changes_nothing() {
    let (medium, _) = locked();
    let before = medium.content();
    let authority = start(&medium).unwrap();
    let right = recovery(&authority);
    let mut wrong = right.seed.secret().to_vec();
    wrong[63] ^= 1;
    let salt = right.seed.salt();
    for wrong in [wrong.clone(), wrong[..63].to_vec(), [wrong, vec![0]].concat()] {
        let seed = Seed::from_parts(Zeroizing::new(wrong), &salt).unwrap();
        let refused = authority.recover(RecoveryRequest { seed, ..recovery(&authority) }).err().unwrap();
        assert!(matches!(refused, Refusal::WrongSeed), "{refused}");
    }
    assert_eq!(before, medium.content());
    assert!(matches!(authority.phase(), Phase::Locked(_)));
    authority.recover(right).unwrap();
}

#[test]
fn the_salt_of_another_deployment_is_told_apart_from_a_wrong_seed() {
    let (medium, _) = locked();
    let authority = start(&medium).unwrap();
    let right = recovery(&authority);
    let seed = Seed::from_parts(Zeroizing::new(right.seed.secret().to_vec()), &[1; 32]).unwrap();
    let refused = authority.recover(RecoveryRequest { seed, ..right }).err().unwrap();
    assert!(matches!(refused, Refusal::WrongSalt), "{refused}");
}

#[test]
fn only_a_seed_share_owner_may_recover() {
    let (medium, _) = locked();
    let authority = start(&medium).unwrap();
    let refused =
        authority.recover(RecoveryRequest { caller: [3; 32], ..recovery(&authority) }).err().unwrap();
    assert!(matches!(refused, Refusal::NotASeedShareOwner), "{refused}");
}

#[test]
fn a_seed_share_owner_that_only_the_header_names_is_refused_by_the_manifest() {
    // The header is not sealed, so a host may add an owner to it; the manifest is, and has the last word.
    let (medium, _) = locked();
    let authority = start(&medium).unwrap();
    let active = authority.recover(recovery(&authority)).unwrap();
    let keys = active.seed.derive_keys().unwrap();
    let standing = Standing { state: &active.state, manifest: Some(&active.manifest), initial_owners: None };
    let means = Means {
        now_unix_ms: 0,
        transition_key: &keys.transition,
        generation: active.ca.certificates(),
        lasting: &active.lasting,
    };
    let refused = decide(standing, &Command::Recover { caller: [3; 32] }, &means).unwrap_err();
    assert!(matches!(refused, Refusal::NotASeedShareOwner), "{refused}");
    let owner = seedshare_owner().owner().digest();
    assert_eq!(decide(standing, &Command::Recover { caller: owner }, &means).unwrap().len(), 2);
}

#[test]
fn whoever_remembers_a_history_hears_of_a_rollback_where_there_is_none() {
    let (medium, (_, _, remembered, _)) = locked();
    let request = RecoveryRequest { expected_transition: remembered, ..recovery(&start(&medium).unwrap()) };
    let refused = start(&Medium::new()).unwrap().recover(request).err().unwrap();
    assert!(matches!(refused, Refusal::RolledBack { .. }), "{refused}");
}

#[test]
fn a_serving_coordinator_is_not_recovered_again() {
    let (medium, _) = locked();
    let authority = start(&medium).unwrap();
    authority.recover(recovery(&authority)).unwrap();
    let refused = authority.recover(recovery(&authority)).err().unwrap();
    assert!(matches!(refused, Refusal::AlreadyActive), "{refused}");
}

#[test]
fn a_locked_coordinator_refuses_to_set() {
    let (medium, _) = locked();
    let authority = start(&medium).unwrap();
    let refused = authority.set_manifest(first_set(manifest("c"))).err().unwrap();
    assert!(refused.to_string().contains("contrast recover"), "{refused}");
}

#[test]
fn recovering_twice_in_two_lives_counts_the_ca_generations_on() {
    let (medium, (_, generation, ..)) = locked();
    for life in 1..=3 {
        let authority = start(&medium).unwrap();
        let active = authority.recover(recovery(&authority)).unwrap();
        assert_eq!(active.state.generation, generation + life);
    }
}
