//! Bad luck: crashes, lost answers, two owners at once.

use std::{
    fs,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use contrast_attestation::atls::Identity;
use contrast_proto::userapi::SetManifestRequest;
use contrast_tests::{Client, Deployment};
use tonic::Code;

/// The manifest of a deployment in another spelling, so that it is another manifest.
fn variant(deployment: &Deployment, number: usize) -> SetManifestRequest {
    let mut request = deployment.set_request();
    request.manifest.extend(vec![b' '; number]);
    request
}

#[test]
fn of_two_owners_who_set_at_the_same_moment_exactly_one_wins_and_the_other_learns_why() {
    let deployment = Deployment::new();
    deployment
        .manifest()
        .workload_owner(deployment.workload_owner("other-"))
        .write(&deployment.manifest_path());
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    for round in 0..10 {
        let latest = Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap();
        let latest = latest.latest_transition.unwrap().transition_hash;
        let together = Barrier::new(2);
        let results = thread::scope(|scope| {
            let owners = [("", 1), ("other-", 2)].map(|(prefix, number)| {
                let (deployment, coordinator, together, latest) =
                    (&deployment, &coordinator, &together, &latest);
                scope.spawn(move || {
                    let identity = deployment.workload_owner_identity(prefix);
                    let mut client = Client::connect(coordinator.user_api, identity);
                    let mut request = variant(deployment, 2 * round + number);
                    request.previous_transition_hash = latest.clone();
                    together.wait();
                    client.set(request)
                })
            });
            owners.map(|owner| owner.join().unwrap())
        });
        let refusals: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert_eq!(refusals.len(), 1, "round {round}: {results:?}");
        assert_eq!(refusals[0].code(), Code::FailedPrecondition);
        assert!(refusals[0].message().contains("contrast verify"), "{}", refusals[0]);
    }
}

#[test]
fn kill_at_any_moment_of_a_loop_of_sets_loses_nothing_that_was_acknowledged() {
    let deployment = Deployment::new();
    let mut coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let mut acknowledged: Vec<Vec<u8>> = vec![deployment.set_request().manifest];
    for life in 0..12_u32 {
        let mut client = Client::connect(coordinator.user_api, deployment.workload_owner_identity(""));
        let (deployment_of_owner, first) = (&deployment, acknowledged.len());
        let more = thread::scope(|scope| {
            let owner = scope.spawn(move || {
                let (mut more, mut number) = (Vec::new(), first);
                loop {
                    let request = variant(deployment_of_owner, number);
                    let manifest = request.manifest.clone();
                    if client.set(request).is_err() {
                        return more;
                    }
                    more.push(manifest);
                    number += 1;
                }
            });
            // The kill falls on another moment in every life.
            let moment = Instant::now() + Duration::from_millis(40 + u64::from(life) * 17);
            while Instant::now() < moment {
                thread::yield_now();
            }
            coordinator.kill();
            owner.join().unwrap()
        });
        acknowledged.extend(more);
        coordinator = deployment.start();
        deployment.contrast(&coordinator, "recover", &[]).success();
        let found = Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap().manifests;
        assert!(found.starts_with(&acknowledged), "life {life}: something acknowledged is gone");
        assert!(found.len() <= acknowledged.len() + 1, "life {life}: one may have been in the making");
        acknowledged = found;
    }
    assert!(acknowledged.len() > 12, "the loop made progress");
    deployment.contrast(&coordinator, "history", &[]).success();
}

#[test]
fn losing_the_answer_of_the_first_set_loses_nothing() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let answer =
        Client::connect(coordinator.user_api, Identity::Fresh).set(deployment.set_request()).unwrap();
    // The CLI never saw that answer; it sets for the first time from its point of view.
    deployment.contrast(&coordinator, "set", &[]).success();
    let shares = fs::read(deployment.workspace.join("seed-shares.json")).unwrap();
    let shares = contrast_manifest::SeedShares::from_json(&shares).unwrap();
    let lost = answer.seed_shares_doc.unwrap();
    assert_eq!(shares.salt.as_slice(), lost.salt);
    assert_eq!(shares.shares[0].encrypted_seed, lost.seed_shares[0].encrypted_seed);
    let history = Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap();
    assert_eq!(history.manifests.len(), 1, "it was not set twice");
    // Also when the Coordinator died right after it.
    fs::remove_file(deployment.workspace.join("seed-shares.json")).unwrap();
    coordinator.kill();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
}

#[test]
fn sigterm_ends_the_coordinator_in_good_order_while_clients_are_connected() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let _client = Client::connect(coordinator.user_api, Identity::Fresh);
    let (status, log) = coordinator.stop();
    assert!(status.success(), "{log}");
    assert!(log.contains("stopped"), "{log}");
}
