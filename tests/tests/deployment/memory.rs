//! Where the seed is after it was sent: in a Coordinator that serves, once, and nowhere else.

use std::time::{Duration, Instant};

use contrast_attestation::atls::Identity;
use contrast_proto::userapi::RecoverRequest;
use contrast_tests::{Client, Coordinator};

use crate::refusals::{seed_of, set_up_and_locked};

/// A connection that its client has closed is let go of soon.
const PATIENCE: Duration = Duration::from_secs(20);

/// Copies of the seed, or of a half of it: a buffer may begin or end in the middle.
fn copies(coordinator: &Coordinator, seed: &[u8]) -> usize {
    let (first, second) = seed.split_at(seed.len() / 2);
    coordinator.copies_in_memory(first).max(coordinator.copies_in_memory(second))
}

/// Waits until there are so many copies, or so long that there will always be others.
fn settles_at(expected: usize, coordinator: &Coordinator, seed: &[u8]) -> usize {
    let begun = Instant::now();
    loop {
        let found = copies(coordinator, seed);
        if found == expected || begun.elapsed() > PATIENCE {
            return found;
        }
        std::thread::yield_now();
    }
}

fn refused(coordinator: &Coordinator, identity: Identity, request: RecoverRequest) {
    Client::connect(coordinator.user_api, identity).recover(request).unwrap_err();
}

#[test]
fn a_locked_coordinator_has_no_copy_of_a_seed_that_it_refused() {
    let (deployment, coordinator) = set_up_and_locked();
    let request = seed_of(&deployment, &coordinator);
    let seed = request.seed.clone();
    assert_eq!(copies(&coordinator, &seed), 0, "it never saw the seed");
    let owner = || deployment.seedshare_owner_identity("");
    // By somebody else; for another deployment; and after the whole history was read with it.
    refused(&coordinator, Identity::Fresh, request.clone());
    refused(&coordinator, owner(), RecoverRequest { salt: vec![7; 32], ..request.clone() });
    refused(&coordinator, owner(), RecoverRequest { expected_transition: vec![7; 32], ..request });
    assert_eq!(settles_at(0, &coordinator, &seed), 0);
}

#[test]
fn a_recovered_coordinator_has_the_seed_once() {
    let (deployment, coordinator) = set_up_and_locked();
    let seed = seed_of(&deployment, &coordinator).seed;
    deployment.contrast(&coordinator, "recover", &[]).success();
    assert_eq!(settles_at(1, &coordinator, &seed), 1);
    deployment.contrast(&coordinator, "verify", &[]).success();
    assert_eq!(settles_at(1, &coordinator, &seed), 1);
}
