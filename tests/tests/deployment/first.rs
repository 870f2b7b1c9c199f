//! Who sets first, and what clients find out about it who were not there.

use std::{fs, path::Path};

use contrast_attestation::atls::Identity;
use contrast_proto::userapi::SetManifestRequest;
use contrast_tests::{Answer, Client, Coordinator, Deployment};

/// A policy of the host, which wants to have the secret of `web`.
const EVIL_POLICY: &[u8] = b"package agent_policy\n# the host's own\n";

/// Transition after the only manifest of a deployment, as the workspace remembers it.
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

/// Makes the manifest another one, byte for byte.
fn touch_manifest(deployment: &Deployment) {
    let mut bytes = fs::read(deployment.manifest_path()).unwrap();
    bytes.push(b'\n');
    fs::write(deployment.manifest_path(), bytes).unwrap();
}

/// Sets a manifest that nobody else has, as the owner with this prefix, without the CLI.
fn set_by_another_owner(deployment: &Deployment, coordinator: &Coordinator, prefix: &str) {
    let mut request = deployment.set_request();
    request.manifest.extend(b"  ");
    let identity = deployment.workload_owner_identity(prefix);
    Client::connect(coordinator.user_api, identity).set(request).unwrap();
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

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}
