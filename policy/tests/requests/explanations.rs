//! What is said about a request with a fault.

use contrast_policy::{Engine, Mismatch, Subject, Verdict, request::Kind};
use serde_json::{Value, json};

use crate::{
    agreement::{engine, explained},
    support::honest,
};

/// The one thing that is said about the honest request with another value at one place.
fn said(pointer: &str, value: Value) -> Mismatch {
    let mut members = honest::request();
    *members.pointer_mut(pointer).unwrap() = value;
    let (verdict, explanation) = explained(&engine(), Kind::CreateContainer, &members);
    assert_eq!(verdict, Verdict::Denied);
    let explanation = explanation.unwrap();
    assert_eq!(explanation.container.as_deref(), Some("app"));
    let mut found = explanation.mismatches;
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn what_is_wrong_is_named_with_what_was_expected() {
    let wrong = said("/OCI/Process/Args/0", json!("/bin/sh"));
    assert_eq!(wrong.to_string(), r#"OCI.Process.Args[0]: expected "/app", found "/bin/sh""#);
    assert_eq!(wrong.subject, Subject::Argument(0));
    let wrong = said("/OCI/Process/Args", json!(["/app", "-x"]));
    assert_eq!(wrong.to_string(), r#"OCI.Process.Args[1]: expected nothing, found "-x""#);
    let wrong = said("/OCI/Process/Env", json!(["PATH=/bin", "LD_PRELOAD=x"]));
    assert_eq!(
        wrong.to_string(),
        r#"OCI.Process.Env[1]: expected no variable LD_PRELOAD, found "LD_PRELOAD=x""#
    );
    let wrong = said("/OCI/Process/Env", json!([]));
    assert_eq!(wrong.to_string(), r#"OCI.Process.Env: expected PATH = "/bin", found nothing"#);
    assert_eq!(wrong.subject, Subject::Variable("PATH".to_owned()));
    let wrong = said("/OCI/Process/Env", json!(["PATH=/bin", "PATH=/bin"]));
    assert_eq!(
        wrong.to_string(),
        r#"OCI.Process.Env[1]: expected PATH only once, as at [0], found "PATH=/bin""#
    );
    let wrong = said("/OCI/Process/User/UID", json!(0));
    assert_eq!(wrong.to_string(), "OCI.Process.User.UID: expected 7, found 0");
    let wrong = said("/OCI/Process/Capabilities/Bounding", json!(["CAP_KILL", "CAP_SYS_ADMIN"]));
    assert_eq!(
        wrong.to_string(),
        "OCI.Process.Capabilities.Bounding: expected the set {KILL}, found SYS_ADMIN too many"
    );
    let wrong = said("/OCI/Linux/Sysctl", json!({ "net.ipv4.x": "1", "kernel.y": "2" }));
    assert_eq!(wrong.to_string(), r#"OCI.Linux.Sysctl["kernel.y"]: expected nothing, found "2""#);
    let wrong = said("/OCI/Mounts/0/options", json!([]));
    assert_eq!(wrong.to_string(), r#"OCI.Mounts[0].options: expected ["nosuid"], found []"#);
    assert_eq!(wrong.subject, Subject::Mount("/proc".to_owned()));
    let wrong = said("/storages/1/source", json!("example.com/evil@sha256:2"));
    assert_eq!(wrong.subject, Subject::Image);
}

#[test]
fn metadata_of_an_image_says_what_the_annotations_say() {
    let mut members = honest::request();
    members["OCI"]["Annotations"]["io.kubernetes.cri.sandbox-name"] = json!("web-2");
    let (_, explanation) = explained(&engine(), Kind::CreateContainer, &members);
    let said: Vec<_> = explanation.unwrap().mismatches.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            r#"storages[1].driver_options: expected "io.kubernetes.cri.sandbox-name" as the annotation says: "web-2", found "web-1""#,
            r#"OCI.Annotations["io.kubernetes.cri.sandbox-name"]: expected "web-1", found "web-2""#,
        ]
    );
}

#[test]
fn a_request_that_names_no_container_is_compared_with_the_nearest() {
    let mut members = honest::other_request();
    members["OCI"]["Annotations"]["io.kubernetes.cri.container-name"] = json!("unknown");
    let (_, explanation) = explained(&engine(), Kind::CreateContainer, &members);
    assert_eq!(explanation.unwrap().container.as_deref(), Some("other"));
}

#[test]
fn a_request_that_no_policy_allows_is_called_so() {
    let (_, explanation) = explained(&engine(), Kind::SetPolicy, &json!({ "policy": "x" }));
    assert_eq!(
        explanation.unwrap().mismatches[0].to_string(),
        ".: expected no request of this kind, found SetPolicyRequest"
    );
}

#[test]
fn a_container_that_was_not_created_is_called_unknown() {
    for kind in [Kind::ExecProcess, Kind::StartContainer, Kind::ReadStream] {
        let (verdict, explanation) = explained(&engine(), kind, &json!({ "container_id": "xy" }));
        assert_ne!(verdict, Verdict::Allowed, "{kind:?}");
        assert_eq!(
            explanation.unwrap().mismatches[0].to_string(),
            r#"container_id: expected a container that was created and not removed, found "xy""#
        );
    }
}

#[test]
fn a_check_that_is_not_known_is_told_by_its_name_and_one_that_holds_is_not_told() {
    let rules = "package agent_policy
        default CreateContainerRequest := false
        create_checks := {\"new\": false, \"command\": true, \"once\": false}
        pod := {\"sandbox\": {}, \"containers\": {\"app\": {\"args\": [{\"value\": \"/app\"}]}}}";
    let (_, explanation) =
        explained(&Engine::load(rules).unwrap(), Kind::CreateContainer, &json!({ "container_id": "xy" }));
    let said: Vec<_> = explanation.unwrap().mismatches.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            r#"container_id: expected the sandbox first, once, and each container with an identifier of its own, found "xy""#,
            ".: expected what the check \"new\" of the rules wants, found CreateContainerRequest",
        ]
    );
}
