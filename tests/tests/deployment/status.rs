//! What `contrast status` says of a Coordinator through its life. There is no cluster: that part says so.

use std::fs;

use contrast_tests::{Answer, Coordinator, Deployment};
use serde_json::{Value, json};

/// What is attested, as JSON.
fn attested(deployment: &Deployment, coordinator: &Coordinator) -> Value {
    let answer = deployment.contrast(coordinator, "status", &["--output", "json", "--kubeconfig", "none"]);
    assert_eq!(answer.code, 6, "{}{}", answer.stdout, answer.stderr);
    let status: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert!(status["cluster"]["unreachable"].to_string().contains("there is no kubeconfig"), "{status:#}");
    status["attested"].clone()
}

#[test]
fn the_state_of_a_coordinator_is_told_from_before_its_first_manifest_to_after_its_recovery() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let new = attested(&deployment, &coordinator);
    assert_eq!((&new["state"], &new["simulated"]), (&json!("uninitialised"), &json!(true)), "{new:#}");
    assert!(new["acceptedBy"].is_string() && new["advice"].to_string().contains("contrast set"), "{new:#}");

    deployment.contrast(&coordinator, "set", &[]).success();
    let active = attested(&deployment, &coordinator);
    assert_eq!(active["state"], "active", "{active:#}");
    for (member, expected) in
        [("sameManifest", json!(true)), ("remembered", json!(true)), ("manifests", json!(1))]
    {
        assert_eq!(active[member], expected, "{active:#}");
    }
    let screen = deployment.contrast(&coordinator, "status", &["--kubeconfig", "none"]).stdout;
    assert!(screen.contains("!!! SIMULATED hardware"), "{screen}");

    // A byte more is another manifest.
    let file = deployment.manifest_path();
    let manifest = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{manifest}\n")).unwrap();
    let other = attested(&deployment, &coordinator);
    assert_eq!((&other["state"], &other["sameManifest"]), (&json!("active"), &json!(false)), "{other:#}");
    fs::write(&file, &manifest).unwrap();

    coordinator.kill();
    let coordinator = deployment.start();
    let locked = attested(&deployment, &coordinator);
    assert_eq!(locked["state"], "locked", "{locked:#}");
    assert!(locked["advice"].to_string().contains("contrast recover"), "{locked:#}");
    deployment.contrast(&coordinator, "recover", &[]).success();
    assert_eq!(attested(&deployment, &coordinator)["state"], "active");
}

#[test]
fn a_coordinator_that_is_another_one_than_expected_is_not_attested() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let file = deployment.manifest_path();
    let good = fs::read_to_string(&file).unwrap();
    let mut manifest: Value = serde_json::from_str(&good).unwrap();
    manifest["ReferenceValues"]["simulated"][0]["TrustedMeasurement"] = json!("00".repeat(48));
    fs::write(&file, manifest.to_string()).unwrap();
    let refused = attested(&deployment, &coordinator);
    assert_eq!(refused["state"], "not-attested", "{refused:#}");
    assert!(refused["reason"].to_string().contains("MEASUREMENT"), "{refused:#}");

    // Its evidence fits, but its history is not the one that was seen.
    fs::write(&file, good).unwrap();
    let latest = file.with_file_name("verify").join("latest-transition");
    fs::write(&latest, "ab".repeat(32)).unwrap();
    let rolled_back = attested(&deployment, &coordinator);
    assert_eq!(rolled_back["state"], "not-attested", "{rolled_back:#}");
    assert!(rolled_back["reason"].to_string().contains("rolled back"), "{rolled_back:#}");

    let address = coordinator.user_api.to_string();
    coordinator.kill();
    let away = Answer::command(
        file.parent().unwrap(),
        ["status", "-c", &address, "--output", "json", "--kubeconfig", "none"],
    );
    let away: Value = serde_json::from_str(&Answer::of(away).stdout).unwrap();
    assert_eq!(away["attested"]["state"], "unreachable", "{away:#}");
}
