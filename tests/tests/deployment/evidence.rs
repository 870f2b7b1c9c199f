//! What anybody can see of a Coordinator's evidence, without a manifest.

use std::fs;

use contrast_tests::{Answer, Deployment, policy_digest};
use serde_json::Value;

#[test]
fn a_coordinators_evidence_is_shown_as_bound_to_the_connection_and_saved_for_a_later_look() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let address = coordinator.user_api.to_string();
    let contrast = |args: &[&str]| Answer::of(Answer::command(&deployment.workspace, args));
    let shown = |args: &[&str]| -> Value {
        let answer = contrast(&[&["attestation", "show", "--output", "json"], args].concat()).success();
        assert!(answer.stderr.contains("SIMULATED"), "{answer:?}");
        serde_json::from_str(&answer.stdout).unwrap()
    };

    let live = shown(&["--coordinator", &address, "--save", "evidence"]);
    let outcome = |shown: &Value, check: &str| shown["checks"][check]["outcome"].clone();
    assert_eq!(live["coordinator"], address);
    for (check, expected) in [
        ("report_data", "verified"),
        ("report_signature", "verified"),
        ("certificate_chain", "not_checked"),
        ("reference_values", "not_checked"),
    ] {
        assert_eq!(outcome(&live, check), expected, "{check}");
    }
    let policy = policy_digest(&fs::read(deployment.policy_file("coordinator")).unwrap());
    assert_eq!(live["report"]["host_data"], policy);

    // In the file is the same evidence, and nothing that tells which connection it was for.
    let saved = shown(&["evidence"]);
    assert_eq!(saved["report"], live["report"]);
    assert_eq!(outcome(&saved, "report_data"), "not_checked");
    let verdict = contrast(&["attestation", "check", "evidence"]).success().stdout;
    assert!(verdict.contains("ACCEPTED by ReferenceValues.simulated[0]"), "{verdict}");

    // Each connection has evidence of its own.
    let again = shown(&["--coordinator", &address]);
    assert_ne!(again["report"]["report_data"], live["report"]["report_data"]);
    assert_eq!(outcome(&again, "report_data"), "verified");
}
