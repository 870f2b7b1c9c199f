//! Who sets first, and what clients find out about it who were not there.

use std::{fs, path::Path};

use contrast_attestation::atls::Identity;
use contrast_tests::{Answer, Client, Coordinator, Deployment};

use crate::stores::{copy, touch_manifest};

/// A policy of the host, which wants to have the secret of `web`.
const EVIL_POLICY: &[u8] = b"package agent_policy\n# the host's own\n";

/// The latest transition that the workspace remembers.
fn remembered(deployment: &Deployment) -> String {
    fs::read_to_string(deployment.workspace.join("verify/latest-transition")).unwrap()
}

/// The latest transition of a Coordinator, as it says.
fn latest(coordinator: &Coordinator) -> String {
    let manifests = Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap();
    hex::encode(manifests.latest_transition.unwrap().transition_hash)
}

/// The victim's manifest, with its public keys, and one more policy that gets the secret of `web`.
fn set_by_the_host(deployment: &Deployment, coordinator: &Coordinator) {
    let manifest =
        deployment.manifest().workload(EVIL_POLICY, "evil", Some("apps/v1/Deployment/default/web")).json;
    let mut request = deployment.set_request();
    request.manifest = serde_json::to_vec(&manifest).unwrap();
    request.policies.push(EVIL_POLICY.to_vec());
    Client::connect(coordinator.user_api, Identity::Fresh).set(request).unwrap();
}

/// Sets a manifest with so many spaces at its end, as the owner, from somewhere else.
fn set_elsewhere(deployment: &Deployment, coordinator: &Coordinator, spaces: usize) {
    let mut request = deployment.set_request();
    request.manifest.extend(vec![b' '; spaces]);
    let identity = deployment.workload_owner_identity("");
    Client::connect(coordinator.user_api, identity).set(request).unwrap();
}

/// SHA-256 of the SubjectPublicKeyInfo of the workload owner with this prefix.
fn owner_digest(deployment: &Deployment, prefix: &str) -> String {
    contrast_tests::policy_digest(&hex::decode(deployment.workload_owner(prefix)).unwrap())
}

/// A Coordinator that was started for these initial owners.
fn start_for(deployment: &Deployment, owners: &str) -> Coordinator {
    let mut command = deployment.coordinator_command();
    command.env("CONTRAST_INITIAL_OWNERS", owners);
    Coordinator::start(command)
}

/// Everything in a folder, by its path.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

fn manifests(coordinator: &Coordinator) -> usize {
    Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap().manifests.len()
}

#[test]
fn a_host_that_sets_first_with_the_victims_keys_cannot_pass_for_the_victims_deployment() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    set_by_the_host(&deployment, &coordinator);
    let before = files(&deployment.workspace);

    let said = deployment.contrast(&coordinator, "set", &[]).failure();
    assert!(said.contains("had to be the first"), "{said}");
    for part in ["anybody", "--join", &latest(&coordinator)] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert_eq!(manifests(&coordinator), 1, "the victim's set did not become an update");
    assert_eq!(before, files(&deployment.workspace), "nothing of that deployment was written down");

    // Somebody who has the host's manifest, and somebody who has the victim's.
    let answer = deployment.contrast(&coordinator, "verify", &[]);
    assert!(answer.code == 1 && answer.stderr.contains("is not the local one"), "{answer:?}");
    // Set in spite of it, the host's manifest stays in the history, and is named.
    let join = ["--join", &latest(&coordinator)];
    deployment.contrast(&coordinator, "set", &join).success();
    for name in ["verify", "coordinator-root-ca.pem", "mesh-ca.pem"] {
        let path = deployment.workspace.join(name);
        let _ = fs::remove_dir_all(&path);
        let _ = fs::remove_file(&path);
    }
    let answer = deployment.contrast(&coordinator, "verify", &[]);
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.stdout.contains("anybody") && answer.stderr.contains("--accept-history"), "{answer:?}");
    let evil = deployment.workspace.join("verify/unseen/manifest.0.json");
    assert!(fs::read_to_string(evil).unwrap().contains("evil"), "it can be read");
    assert!(!deployment.workspace.join("verify/latest-transition").exists(), "nothing is remembered");
    assert!(!deployment.workspace.join("verify/coordinator-root-ca.pem").exists());
}

#[test]
fn a_failed_verify_at_a_false_address_leaves_nothing_that_the_true_one_is_measured_by() {
    let (deployment, other) = (Deployment::new(), Deployment::new());
    // Two deployments on one processor under one policy, whose manifests differ.
    let coordinator = deployment.start();
    let false_one = other.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    touch_manifest(&other);
    other.contrast(&false_one, "set", &[]).success();
    let auditor = deployment.workspace.with_file_name("auditor");
    fs::create_dir(&auditor).unwrap();
    fs::copy(deployment.manifest_path(), auditor.join("manifest.json")).unwrap();
    let verify = |coordinator: &Coordinator| {
        let address = coordinator.user_api.to_string();
        Answer::of(Answer::command(&auditor, ["verify", "--coordinator", &address]))
    };
    let said = verify(&false_one).failure();
    assert!(said.contains("is not the local one"), "{said}");
    verify(&coordinator).success();
}

#[test]
fn a_plain_set_on_a_rolled_back_history_changes_nothing() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let first = fs::read(deployment.manifest_path()).unwrap();
    coordinator.kill();
    let old = deployment.state_dir.with_extension("old");
    copy(&deployment.state_dir, &old);
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "recover", &[]).success();
    touch_manifest(&deployment);
    deployment.contrast(&coordinator, "set", &[]).success();
    coordinator.kill();
    copy(&old, &deployment.state_dir);
    let coordinator = deployment.start();
    // The host finds a seed share owner who remembers nothing.
    let careless = Deployment::new();
    for name in ["manifest.json", "seed-shares.json", "seedshare-owner.pem"] {
        fs::copy(deployment.workspace.join(name), careless.workspace.join(name)).unwrap();
    }
    careless.contrast(&coordinator, "recover", &[]).success();
    touch_manifest(&deployment);
    let said = deployment.contrast(&coordinator, "set", &[]).failure();
    assert!(said.contains("rolled back"), "{said}");
    let history = Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap().manifests;
    assert!(history == [first], "nothing was appended to the history that lost a manifest");
}

#[test]
fn verify_names_what_others_set_once_and_an_accepted_history_is_not_a_longer_one() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
    set_elsewhere(&deployment, &coordinator, 1);
    let reviewed = latest(&coordinator);
    // An own manifest on top does not hide it.
    touch_manifest(&deployment);
    let said = deployment.contrast(&coordinator, "set", &[]).success().stderr;
    assert!(said.contains("others set manifests"), "{said}");
    for _ in 0..2 {
        let answer = deployment.contrast(&coordinator, "verify", &[]);
        assert_eq!(answer.code, 1, "{answer:?}");
        let key = &owner_digest(&deployment, "")[..12];
        assert!(answer.stdout.contains("1: ") && answer.stdout.contains(key), "{answer:?}");
        assert!(answer.stderr.contains(&latest(&coordinator)), "{answer:?}");
    }
    let too_short = ["--accept-history", &reviewed];
    let said = deployment.contrast(&coordinator, "verify", &too_short).failure();
    assert!(said.contains("and not with"), "{said}");
    let accepted = latest(&coordinator);
    set_elsewhere(&deployment, &coordinator, 2);
    deployment.contrast(&coordinator, "set", &[]).success();
    let outdated = ["--accept-history", &accepted];
    let said = deployment.contrast(&coordinator, "verify", &outdated).failure();
    assert!(said.contains("went on since"), "{said}");
    let now = ["--accept-history", &latest(&coordinator)];
    deployment.contrast(&coordinator, "verify", &now).success();
    assert!(!deployment.workspace.join("verify/unseen").exists(), "what was accepted is not unseen any more");
    deployment.contrast(&coordinator, "verify", &[]).success();
}

#[test]
fn a_workspace_joins_a_deployment_on_purpose_at_the_transition_that_it_names() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    set_elsewhere(&deployment, &coordinator, 1);
    let read = latest(&coordinator);
    set_elsewhere(&deployment, &coordinator, 2);
    let said = deployment.contrast(&coordinator, "set", &["--join", &read]).failure();
    assert!(said.contains("transition mismatch"), "{said}");
    let said = deployment.contrast(&coordinator, "set", &["--join", &"ab".repeat(32)]).failure();
    assert!(said.contains("rolled back, or is another deployment's"), "{said}");
    deployment.contrast(&coordinator, "set", &["--join", &latest(&coordinator)]).success();
    assert_eq!(remembered(&deployment), latest(&coordinator));
    let said = deployment.contrast(&coordinator, "set", &["--join", &latest(&coordinator)]).failure();
    assert!(said.contains("leave --join out"), "{said}");
}

#[test]
fn only_an_initial_owner_sets_the_first_manifest() {
    let deployment = Deployment::new();
    let owner = owner_digest(&deployment, "");
    let coordinator = start_for(&deployment, &format!("{},{owner}", "ab".repeat(32)));
    let refused = |identity| {
        let status =
            Client::connect(coordinator.user_api, identity).set(deployment.set_request()).unwrap_err();
        assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status}");
        assert!(status.message().contains(&owner), "it says whose turn it is: {status}");
    };
    refused(Identity::Fresh);
    refused(deployment.workload_owner_identity("other-"));
    refused(deployment.seedshare_owner_identity(""));
    let key = ["--workload-owner-key", "other-workload-owner.pem"];
    let said = deployment.contrast(&coordinator, "set", &key).failure();
    assert!(said.contains(&owner) && said.contains("initial owner"), "{said}");
    assert_eq!(coordinator.ops.get("/probe/readiness").0, 503, "nothing was set");
    deployment.contrast(&coordinator, "set", &[]).success();
    let history = deployment.contrast(&coordinator, "history", &[]).success().stdout;
    assert!(history.contains(&format!("TLS key {}", &owner[..12])), "{history}");
}

#[test]
fn a_signature_of_an_initial_owner_sets_the_first_manifest() {
    let deployment = Deployment::new();
    let owner = owner_digest(&deployment, "");
    let coordinator = start_for(&deployment, &owner);
    let sign = ["sign", "--out", "signature"];
    Answer::of(Answer::command(&deployment.workspace, sign)).success();
    let key = ["--workload-owner-key", "other-workload-owner.pem", "--signature", "signature"];
    deployment.contrast(&coordinator, "set", &key).success();
    let history = deployment.contrast(&coordinator, "history", &[]).success().stdout;
    assert!(history.contains(&format!("signature {}", &owner[..12])), "{history}");
}

#[test]
fn initial_owners_of_which_one_is_none_keep_the_coordinator_from_starting() {
    let deployment = Deployment::new();
    for owners in ["", ",", "abcd", &format!("{},", "ab".repeat(32))] {
        let mut command = deployment.coordinator_command();
        command.env("CONTRAST_INITIAL_OWNERS", owners);
        let (status, said) = Coordinator::refuses_to_start(command);
        assert_eq!(status.code(), Some(2), "{owners:?}: {said}");
        assert!(said.contains("--initial-owners"), "{owners:?}: {said}");
    }
}

#[test]
fn recover_says_which_state_it_found_and_remembers_it() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    touch_manifest(&deployment);
    deployment.contrast(&coordinator, "set", &[]).success();
    let latest = latest(&coordinator);
    fs::remove_dir_all(deployment.workspace.join("verify")).unwrap();
    coordinator.kill();
    let coordinator = deployment.start();
    let other = ["--latest-transition", &"ab".repeat(32)];
    let said = deployment.contrast(&coordinator, "recover", &other).failure();
    assert!(said.contains("rolled back"), "{said}");
    let answer = deployment.contrast(&coordinator, "recover", &[]).success();
    let author = format!("TLS key {}", &owner_digest(&deployment, "")[..12]);
    for part in ["number 1", &author, &latest] {
        assert!(answer.stdout.contains(part), "{part} is not in: {answer:?}");
    }
    assert!(answer.stderr.contains("remembers no transition"), "{answer:?}");
    assert_eq!(remembered(&deployment), latest);
    // It was recovered, and not read.
    let said = deployment.contrast(&coordinator, "verify", &[]).failure();
    assert!(said.contains("has not seen"), "{said}");
    coordinator.kill();
    let coordinator = deployment.start();
    let answer = deployment.contrast(&coordinator, "recover", &[]).success();
    assert!(!answer.stderr.contains("remembers no transition"), "{answer:?}");
}
