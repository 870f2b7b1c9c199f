//! Requests that must be refused, with a reason, and without any effect.

use std::fs;

use contrast_attestation::atls::Identity;
use contrast_proto::userapi::{RecoverRequest, SetManifestRequest};
use contrast_tests::{Client, Coordinator, Deployment};
use serde_json::json;
use tonic::{Code, Status};

/// A deployment with its first manifest set.
fn set_up() -> (Deployment, Coordinator) {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    (deployment, coordinator)
}

/// The same after a restart: locked.
pub(crate) fn set_up_and_locked() -> (Deployment, Coordinator) {
    let (deployment, coordinator) = set_up();
    coordinator.kill();
    let coordinator = deployment.start();
    (deployment, coordinator)
}

/// The seed and salt of a deployment, as its seed share owner gets to know them.
pub(crate) fn seed_of(deployment: &Deployment, coordinator: &Coordinator) -> RecoverRequest {
    let shares = Client::connect(coordinator.user_api, Identity::Fresh).seed_shares().unwrap();
    let json = fs::read(deployment.workspace.join("seed-shares.json")).unwrap();
    let file = contrast_manifest::SeedShares::from_json(&json).unwrap();
    assert_eq!(file.salt.as_slice(), shares.salt, "the Coordinator hands out what `set` wrote");
    let seed = file.decrypt(&deployment.seedshare_owner_key("")).unwrap();
    RecoverRequest { seed: seed.to_vec(), salt: shares.salt, ..Default::default() }
}

fn recover(
    deployment: &Deployment,
    coordinator: &Coordinator,
    request: RecoverRequest,
) -> Result<(), Status> {
    let identity = deployment.seedshare_owner_identity("");
    Client::connect(coordinator.user_api, identity).recover(request).map(|_| ())
}

/// The Coordinator is locked, says so, and the right seed still unlocks it.
fn assert_still_recoverable(deployment: &Deployment, coordinator: &Coordinator) {
    assert_eq!(coordinator.ops.get("/probe/readiness").0, 503);
    deployment.contrast(coordinator, "recover", &[]).success();
    assert_eq!(coordinator.ops.get("/probe/readiness").0, 200);
}

fn assert_refused(result: Result<impl std::fmt::Debug, Status>, code: Code, reason: &str) {
    let status = result.unwrap_err();
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(reason), "{status}");
}

#[test]
fn recovery_with_a_wrong_or_truncated_seed_is_refused() {
    let (deployment, coordinator) = set_up_and_locked();
    let right = seed_of(&deployment, &coordinator);
    let wrong = |change: &dyn Fn(&mut RecoverRequest)| {
        let mut request = right.clone();
        change(&mut request);
        recover(&deployment, &coordinator, request)
    };
    assert_refused(wrong(&|r| r.seed[0] ^= 1), Code::InvalidArgument, "does not belong to this history");
    assert_refused(wrong(&|r| r.seed.truncate(63)), Code::InvalidArgument, "truncated");
    assert_refused(wrong(&|r| r.seed.truncate(31)), Code::InvalidArgument, "31 bytes");
    assert_refused(wrong(&|r| r.seed.clear()), Code::InvalidArgument, "0 bytes");
    assert_refused(wrong(&|r| r.salt.truncate(31)), Code::InvalidArgument, "salt has 31 bytes");
    assert_refused(wrong(&|r| r.salt[5] ^= 1), Code::InvalidArgument, "another deployment");
    assert_refused(
        wrong(&|r| r.expected_transition = vec![1; 31]),
        Code::InvalidArgument,
        "31 bytes instead of 32",
    );
    assert_still_recoverable(&deployment, &coordinator);
}

#[test]
fn the_seed_of_another_deployment_is_refused() {
    let (deployment, coordinator) = set_up_and_locked();
    let (other, its_coordinator) = set_up();
    let foreign = seed_of(&other, &its_coordinator);
    assert_refused(
        recover(&deployment, &coordinator, foreign.clone()),
        Code::InvalidArgument,
        "another deployment",
    );
    // Also with the salt corrected.
    let salt = seed_of(&deployment, &coordinator).salt;
    let mixed = RecoverRequest { salt, ..foreign };
    assert_refused(recover(&deployment, &coordinator, mixed), Code::InvalidArgument, "another deployment");
    fs::copy(other.workspace.join("seed-shares.json"), deployment.workspace.join("foreign.json")).unwrap();
    let said = deployment.contrast(&coordinator, "recover", &["--seed", "foreign.json"]).failure();
    assert!(said.contains("another deployment"), "{said}");
    assert_still_recoverable(&deployment, &coordinator);
}

#[test]
fn a_seed_share_for_another_key_is_refused() {
    let (deployment, coordinator) = set_up_and_locked();
    let key = ["--seedshare-owner-key", "other-seedshare-owner.pem"];
    let said = deployment.contrast(&coordinator, "recover", &key).failure();
    assert!(said.contains("seed share"), "{said}");
    // A stranger who somehow has the seed is not an owner yet.
    let request = seed_of(&deployment, &coordinator);
    let identity = deployment.seedshare_owner_identity("other-");
    let result = Client::connect(coordinator.user_api, identity).recover(request.clone());
    assert_refused(result, Code::PermissionDenied, "not a seed share owner");
    let result = Client::connect(coordinator.user_api, Identity::Fresh).recover(request);
    assert_refused(result, Code::PermissionDenied, "not a seed share owner");
    assert_still_recoverable(&deployment, &coordinator);
}

#[test]
fn recovery_of_an_active_coordinator_is_refused() {
    let (deployment, coordinator) = set_up();
    let request = seed_of(&deployment, &coordinator);
    assert_refused(
        recover(&deployment, &coordinator, request),
        Code::FailedPrecondition,
        "already recovered",
    );
    let said = deployment.contrast(&coordinator, "recover", &[]).failure();
    assert!(said.contains("already recovered"), "{said}");
}

#[test]
fn recovery_of_a_new_coordinator_is_refused() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let request = RecoverRequest { seed: vec![1; 64], salt: vec![1; 32], ..Default::default() };
    assert_refused(recover(&deployment, &coordinator, request), Code::FailedPrecondition, "contrast set");
}

#[test]
fn a_locked_coordinator_refuses_everything_but_recovery() {
    let (deployment, coordinator) = set_up_and_locked();
    let mut client = Client::connect(coordinator.user_api, deployment.workload_owner_identity(""));
    let locked = "contrast recover";
    assert_refused(client.set(deployment.set_request()), Code::FailedPrecondition, locked);
    assert_refused(client.manifests(), Code::FailedPrecondition, locked);
    assert_refused(client.history(Default::default()), Code::FailedPrecondition, locked);
    for command in ["set", "verify", "history"] {
        let said = deployment.contrast(&coordinator, command, &[]).failure();
        assert!(said.contains(locked), "{command}: {said}");
    }
    assert_still_recoverable(&deployment, &coordinator);
}

#[test]
fn set_by_a_non_owner_is_refused() {
    let (deployment, coordinator) = set_up();
    let stranger = deployment.workload_owner_identity("other-");
    let result = Client::connect(coordinator.user_api, stranger).set(changed(&deployment));
    assert_refused(result, Code::PermissionDenied, "not among the workload owners");
    let result = Client::connect(coordinator.user_api, Identity::Fresh).set(changed(&deployment));
    assert_refused(result, Code::PermissionDenied, "not among the workload owners");
    let mut forged = changed(&deployment);
    forged.signature = vec![0x30, 0x00];
    let result = Client::connect(coordinator.user_api, Identity::Fresh).set(forged);
    assert_refused(result, Code::PermissionDenied, "signature");
    let key = ["--workload-owner-key", "other-workload-owner.pem"];
    fs::write(deployment.manifest_path(), changed(&deployment).manifest).unwrap();
    let said = deployment.contrast(&coordinator, "set", &key);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("not among the workload owners"), "{said:?}");
}

#[test]
fn set_with_updates_disabled_is_refused() {
    let deployment = Deployment::new();
    let mut manifest = deployment.manifest();
    manifest.json["WorkloadOwnerPubKeys"] = json!(null);
    manifest.write(&deployment.manifest_path());
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let owner = deployment.workload_owner_identity("");
    let result = Client::connect(coordinator.user_api, owner).set(changed(&deployment));
    assert_refused(result, Code::PermissionDenied, "updates are disabled");
}

#[test]
fn changed_seed_share_owners_are_refused() {
    let (deployment, coordinator) = set_up();
    deployment
        .manifest()
        .seedshare_owner(deployment.seedshare_owner("other-"))
        .write(&deployment.manifest_path());
    let owner = deployment.workload_owner_identity("");
    let result = Client::connect(coordinator.user_api, owner).set(deployment.set_request());
    assert_refused(result, Code::PermissionDenied, "seed share owners must stay the same");
}

#[test]
fn a_policy_missing_for_a_manifest_entry_is_refused() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let mut request = deployment.set_request();
    let missing = contrast_tests::policy_digest(&request.policies.pop().unwrap());
    let result = Client::connect(coordinator.user_api, Identity::Fresh).set(request);
    assert_refused(result, Code::InvalidArgument, &missing);
    fs::remove_file(deployment.workspace.join("resources/web.yml")).unwrap();
    let said = deployment.contrast(&coordinator, "set", &[]).failure();
    assert!(said.contains("polic"), "{said}");
    assert_eq!(coordinator.ops.get("/probe/readiness").0, 503, "nothing was set");
}

#[test]
fn an_invalid_manifest_changes_nothing_and_every_fault_is_named() {
    let (deployment, coordinator) = set_up();
    let owner = || deployment.workload_owner_identity("");
    let before = Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap();
    let refused = |manifest: Vec<u8>, reasons: &[&str]| {
        let request = SetManifestRequest { manifest, ..deployment.set_request() };
        let result = Client::connect(coordinator.user_api, owner()).set(request);
        for reason in reasons {
            assert_refused(result.clone(), Code::InvalidArgument, reason);
        }
    };
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut manifest = deployment.manifest().json;
        change(&mut manifest);
        serde_json::to_vec(&manifest).unwrap()
    };
    refused(with(&|m| m["Polices"] = json!({})), &["Polices: is not a field of a manifest"]);
    refused(
        with(&|m| {
            m["ReferenceValues"]["simulated"][0]["TrustedMeasurement"] = json!("00");
            m["ReferenceValues"]["simulated"][0]["MinimumTCB"]["SNPVersion"] = json!(256);
            m["WorkloadOwnerPubKeys"] = json!(["00"]);
        }),
        &[
            "ReferenceValues.simulated[0].TrustedMeasurement",
            "ReferenceValues.simulated[0].MinimumTCB.SNPVersion",
            "WorkloadOwnerPubKeys[0]",
        ],
    );
    let text = String::from_utf8(with(&|_| ())).unwrap();
    refused(text.replacen('{', "{\"Policies\":{},", 1).into_bytes(), &["Policies", "more than once"]);
    refused(Vec::new(), &["empty"]);
    refused(vec![b' '; 5_000_000], &["5000000 bytes"]);
    refused(b"not JSON".to_vec(), &["not JSON"]);
    refused(vec![b'['; 1_000_000], &["deeper than 16 levels"]);
    assert_eq!(before, Client::connect(coordinator.user_api, Identity::Fresh).manifests().unwrap());
}

#[test]
fn a_request_that_no_manifest_needs_is_refused_before_it_is_read() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let mut request = deployment.set_request();
    request.policies.push(vec![0; 17 * 1024 * 1024]);
    let mut client = Client::connect(coordinator.user_api, Identity::Fresh);
    assert!(client.set(request).is_err());
    let mut client = Client::connect(coordinator.user_api, Identity::Fresh);
    client.set(deployment.set_request()).unwrap();
}

/// The manifest with one more name in it.
fn changed(deployment: &Deployment) -> SetManifestRequest {
    let mut manifest = deployment.manifest().json;
    for policy in manifest["Policies"].as_object_mut().unwrap().values_mut() {
        policy["SANs"].as_array_mut().unwrap().push(json!("one-more"));
    }
    SetManifestRequest { manifest: serde_json::to_vec(&manifest).unwrap(), ..deployment.set_request() }
}
