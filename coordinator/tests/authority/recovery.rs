//! From locked to active, or not.

use contrast_coordinator::{authority::Phase, recovery::RecoveryRequest, refusal::Refusal, seed::Seed};
use contrast_store::faults::Medium;
use zeroize::Zeroizing;

use crate::support::{Summary, first_set, manifest, recovery, set, start, summary};

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
fn a_seed_share_owner_that_only_the_host_added_to_the_header_is_refused() {
    let (medium, _) = locked();
    // The header is not sealed, so the host may write a key of its own into it.
    let before = medium.content();
    medium.edit(|content| {
        let header = content.header.as_mut().unwrap();
        let middle = header.len() / 2;
        header[middle] ^= 1;
    });
    let refused = start(&medium).err().map(|refusal| refusal.to_string()).or_else(|| {
        let authority = start(&medium).unwrap();
        Some(authority.recover(recovery_of(&before, &authority)).err()?.to_string())
    });
    assert!(refused.is_some(), "an altered header must not lead to an active Coordinator");
}

/// The rightful owner's request, by the shares as they were.
fn recovery_of(
    content: &contrast_store::faults::Content,
    altered: &contrast_coordinator::authority::Authority,
) -> RecoveryRequest {
    let medium = Medium::new();
    medium.edit(|empty| *empty = content.clone());
    let mut request = recovery(&start(&medium).unwrap());
    if let Phase::Locked(shares) = altered.phase()
        && let Ok(seed) = Seed::from_parts(Zeroizing::new(request.seed.secret().to_vec()), &shares.salt)
    {
        request.seed = seed;
    }
    request
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
