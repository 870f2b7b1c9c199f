//! A deployment that nothing bad happens to.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};

use contrast_tests::{Deployment, Pod, mutual_tls, policy_digest};

#[test]
fn a_pod_waits_for_the_manifest_and_then_gets_its_files() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let pod = deployment.pod(&coordinator, "web");
    pod.wait_for_log("contrast set");
    deployment.contrast(&coordinator, "set", &[]).success();
    let tls_dir = pod.tls_dir.clone();
    pod.finish();
    for (name, mode) in [
        ("mesh-ca.pem", 0o444),
        ("certChain.pem", 0o444),
        ("key.pem", 0o400),
        ("coordinator-root-ca.pem", 0o444),
        ("workload-secret-seed", 0o400),
    ] {
        let found = fs::metadata(tls_dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}: {found:o}");
    }
    let secret = fs::read_to_string(tls_dir.join("workload-secret-seed")).unwrap();
    assert_eq!(hex::decode(secret).unwrap().len(), 64);
    assert_eq!(fs::read(tls_dir.join("mesh-ca.pem")).unwrap(), workspace_file(&deployment, "mesh-ca.pem"));
}

#[test]
fn neither_initializer_nor_coordinator_log_a_secret_however_much_they_log() {
    let deployment = Deployment::new();
    let mut command = deployment.coordinator_command();
    command.env("CONTRAST_LOG_LEVEL", "trace");
    let coordinator = contrast_tests::Coordinator::start(command);
    deployment.contrast(&coordinator, "set", &[]).success();
    let pod = deployment.pod(&coordinator, "web");
    let tls_dir = pod.tls_dir.clone();
    let log = pod.finish().log;
    let coordinator_log = coordinator.stop().1;
    let hex_text = fs::read_to_string(tls_dir.join("workload-secret-seed")).unwrap();
    let secret = hex::decode(&hex_text).unwrap();
    let key = fs::read_to_string(tls_dir.join("key.pem")).unwrap();
    let list = format!("{:?}", &secret[..4]);
    let forms = [
        &hex_text[..16],
        list.trim_matches(['[', ']']),
        &BASE64_STANDARD.encode(&secret)[..16],
        key.lines().nth(1).unwrap(),
    ];
    for (program, log) in [("initializer", log), ("coordinator", coordinator_log)] {
        for form in forms {
            assert!(!log.contains(form), "the {program} logs {form}");
        }
    }
}

#[test]
fn recovery_keeps_root_ca_secrets_and_history_and_renews_the_mesh_ca() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
    let history = deployment.contrast(&coordinator, "history", &["--output", "json"]).success().stdout;
    let first = deployment.pod(&coordinator, "web");
    let tls_dir = first.tls_dir.clone();
    first.finish();
    let before = files(&tls_dir);
    coordinator.kill();

    let coordinator = deployment.start();
    let waiting = deployment.pod(&coordinator, "web");
    waiting.wait_for_log("contrast recover");
    let said = deployment.contrast(&coordinator, "recover", &[]).success().stdout;
    assert!(said.contains("restart"), "workloads have to be restarted, and the user is told: {said}");
    waiting.finish();
    let after = files(&tls_dir);
    assert_eq!(before["coordinator-root-ca.pem"], after["coordinator-root-ca.pem"]);
    assert_eq!(before["workload-secret-seed"], after["workload-secret-seed"]);
    assert_ne!(before["mesh-ca.pem"], after["mesh-ca.pem"]);
    deployment.contrast(&coordinator, "verify", &[]).success();
    let longer = deployment.contrast(&coordinator, "history", &["--output", "json"]).success().stdout;
    assert!(longer.starts_with(&history), "the events before the restart are unchanged");
    assert_eq!(longer.lines().count(), history.lines().count() + 2);
}

#[test]
fn pods_trust_each_other_through_the_mesh_ca_and_across_updates_through_the_root_ca() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let [server, client] = ["server", "client"].map(|name| {
        let directory = deployment.workspace.join(name);
        Pod::start(coordinator.mesh_api, &deployment.simulator, &deployment.policy_file("web"), &directory)
            .finish();
        directory
    });
    let talk = mutual_tls(&server, &client, "mesh-ca.pem");
    assert!(talk.verified, "{talk:?}");
    let mut manifest = deployment.manifest();
    manifest.json["Policies"][policy_digest(&fs::read(deployment.policy_file("web")).unwrap())]["SANs"] =
        serde_json::json!(["web", "shop.example"]);
    manifest.write(&deployment.manifest_path());
    deployment.contrast(&coordinator, "set", &[]).success();
    Pod::start(coordinator.mesh_api, &deployment.simulator, &deployment.policy_file("web"), &client).finish();
    assert!(!mutual_tls(&server, &client, "mesh-ca.pem").verified);
    let talk = mutual_tls(&server, &client, "coordinator-root-ca.pem");
    assert!(talk.verified, "{talk:?}");
}

#[test]
fn an_outsider_learns_every_mismatch_and_gets_nothing() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let mut manifest = deployment.manifest();
    // The same processor, but the manifest wants more than it has.
    manifest.json["ReferenceValues"]["simulated"][0]["TrustedMeasurement"] = "11".repeat(48).into();
    let other = manifest.json["ReferenceValues"]["simulated"][0].clone();
    manifest.json["ReferenceValues"]["simulated"] = serde_json::json!([deployment.reference_values, other]);
    manifest.write(&deployment.manifest_path());
    deployment.contrast(&coordinator, "set", &[]).success();
    let policy = deployment.write_policy("outsider", b"package agent_policy\n# let me in\n");
    let tls_dir = deployment.workspace.join("outsider");
    let pod = Pod::start(coordinator.mesh_api, &deployment.simulator, &policy, &tls_dir);
    let said = pod.wait_for_refusal();
    for part in
        ["simulated-0", "HOST_DATA", "simulated-1", "MEASUREMENT", &policy_digest(&fs::read(policy).unwrap())]
    {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(!tls_dir.join("key.pem").exists());
    let (_, metrics) = coordinator.ops.get("/metrics");
    let failures =
        metrics.lines().find(|line| line.starts_with("contrast_meshapi_attestation_failures_total"));
    assert!(failures.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
}

#[test]
fn verify_writes_everything_and_refuses_a_deployment_with_another_manifest() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let answer = deployment.contrast(&coordinator, "verify", &[]).success();
    assert!(answer.stderr.contains("SIMULATED"), "{answer:?}");
    let verify = deployment.workspace.join("verify");
    assert_eq!(
        fs::read(verify.join("manifest.0.json")).unwrap(),
        fs::read(deployment.manifest_path()).unwrap()
    );
    for name in ["coordinator", "web"] {
        let policy = fs::read(deployment.policy_file(name)).unwrap();
        let written = verify.join(format!("policy.{}.rego", policy_digest(&policy)));
        assert_eq!(fs::read(written).unwrap(), policy);
    }
    assert_eq!(fs::read_to_string(verify.join("latest-transition")).unwrap().len(), 64);
    let mut bytes = fs::read(deployment.manifest_path()).unwrap();
    bytes.push(b' ');
    fs::write(deployment.manifest_path(), bytes).unwrap();
    let said = deployment.contrast(&coordinator, "verify", &[]).failure();
    assert!(said.contains("manifest"), "{said}");
}

#[test]
fn a_coordinator_that_is_not_in_the_manifest_is_refused_at_once_with_every_mismatch() {
    let deployment = Deployment::new();
    // A Coordinator under the policy of a workload.
    fs::copy(deployment.policy_file("web"), deployment.policy_file("coordinator")).unwrap();
    let coordinator = deployment.start();
    for command in ["set", "verify"] {
        let said = deployment.contrast(&coordinator, command, &[]).failure();
        assert!(said.contains("HOST_DATA"), "{command}: {said}");
    }
}

#[test]
fn the_history_can_be_checked_without_a_coordinator_and_a_change_is_found() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    deployment.contrast(&coordinator, "verify", &[]).success();
    coordinator.kill();
    let offline = |deployment: &Deployment| {
        contrast_tests::Answer::of(contrast_tests::Answer::command(
            &deployment.workspace,
            ["history", "--offline", "verify"],
        ))
    };
    assert_eq!(offline(&deployment).code, 0, "{:?}", offline(&deployment));
    for entry in fs::read_dir(deployment.workspace.join("verify")).unwrap() {
        let path = entry.unwrap().path();
        let before = fs::read(&path).unwrap();
        let mut changed = before.clone();
        // In the middle of the content, and not into white space that no parser looks at.
        let at = changed.len() / 2;
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        fs::write(&path, changed).unwrap();
        assert_eq!(offline(&deployment).code, 1, "a change in {} was not found", path.display());
        fs::write(&path, before).unwrap();
    }
}

fn workspace_file(deployment: &Deployment, name: &str) -> Vec<u8> {
    fs::read(deployment.workspace.join(name)).unwrap()
}

/// The files that pods look for: names that lead to files, and not where those lie.
fn files(directory: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}
