//! What is said about a request with a fault.

use contrast_policy::{
    Engine, Expectations, Explanation, Mismatch, Subject, judge,
    request::{Kind, Request},
};
use serde_json::{Value, json};

use crate::support::{
    expected,
    faults::{self, Fault},
    honest,
};

/// What is said about a request that the rules deny.
fn explained(expectations: &Expectations, kind: Kind, members: &Value) -> Explanation {
    let rules = format!("package agent_policy\ndefault {} := false", kind.name());
    let mut engine = Engine::load(&rules).unwrap();
    let request = Request::read(kind, members).unwrap();
    judge(&mut engine, Some(expectations), &request).explanation.unwrap()
}

fn mismatches(expectations: &Expectations, members: &Value) -> Vec<Mismatch> {
    explained(expectations, Kind::CreateContainer, members).mismatches
}

#[test]
fn nothing_is_said_against_an_honest_request() {
    let honest = honest::request();
    assert_eq!(mismatches(&expected::exactly(&[&honest]), &honest), []);
}

#[test]
fn what_is_wrong_is_named_with_what_was_expected() {
    let honest = honest::request();
    let expectations = expected::exactly(&[&honest]);
    let one = |pointer: &str, value: Value| {
        let mut members = honest.clone();
        *members.pointer_mut(pointer).unwrap() = value;
        let mut found = mismatches(&expectations, &members);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    };
    let wrong = one("/OCI/Process/Args/0", json!("/bin/sh"));
    assert_eq!(wrong.to_string(), r#"OCI.Process.Args[0]: expected "/app", found "/bin/sh""#);
    assert_eq!(wrong.subject, Subject::Argument(0));
    let wrong = one("/OCI/Process/Args", json!(["/app", "-x"]));
    assert_eq!(wrong.to_string(), r#"OCI.Process.Args[1]: expected nothing, found "-x""#);
    let wrong = one("/OCI/Process/Env", json!(["PATH=/bin", "LD_PRELOAD=x"]));
    assert_eq!(
        wrong.to_string(),
        r#"OCI.Process.Env[1]: expected no variable LD_PRELOAD, found "LD_PRELOAD=x""#
    );
    let wrong = one("/OCI/Process/Env", json!([]));
    assert_eq!(wrong.to_string(), r#"OCI.Process.Env: expected PATH = "/bin", found nothing"#);
    assert_eq!(wrong.subject, Subject::Variable("PATH".to_owned()));
    let wrong = one("/OCI/Process/Env", json!(["PATH=/bin", "PATH=/bin"]));
    assert_eq!(
        wrong.to_string(),
        r#"OCI.Process.Env[1]: expected PATH only once, as at [0], found "PATH=/bin""#
    );
    let wrong = one("/OCI/Process/User/UID", json!(0));
    assert_eq!(wrong.to_string(), "OCI.Process.User.UID: expected 7, found 0");
    let wrong = one("/OCI/Process/Capabilities/Bounding", json!(["CAP_KILL", "CAP_SYS_ADMIN"]));
    assert_eq!(
        wrong.to_string(),
        "OCI.Process.Capabilities.Bounding: expected the set {CAP_KILL}, found CAP_SYS_ADMIN too many"
    );
    let wrong = one("/OCI/Linux/Resources/CPU/Cpus", json!("3"));
    assert_eq!(wrong.to_string(), r#"OCI.Linux.Resources.CPU.Cpus: expected "", found "3""#);
    let wrong = one("/OCI/Linux/Sysctl", json!({ "net.ipv4.x": "1", "kernel.y": "2" }));
    assert_eq!(wrong.to_string(), r#"OCI.Linux.Sysctl["kernel.y"]: expected nothing, found "2""#);
    let wrong = one("/OCI/Mounts/0/options", json!([]));
    assert_eq!(wrong.to_string(), r#"OCI.Mounts[0].options: expected ["nosuid"], found []"#);
    assert_eq!(wrong.subject, Subject::Mount("/proc".to_owned()));
    let wrong = one("/storages/1/source", json!("example.com/evil@sha256:2"));
    assert_eq!(wrong.subject, Subject::Image);
}

#[test]
fn every_fault_in_what_is_compared_is_named_by_its_path() {
    let honest = honest::request();
    let expectations = expected::exactly(&[&honest]);
    let compared = [
        "OCI.Process.Args",
        "OCI.Process.Env",
        "OCI.Process.Cwd",
        "OCI.Process.Terminal",
        "OCI.Process.User.UID",
        "OCI.Process.User.GID",
        "OCI.Process.User.AdditionalGids",
        "OCI.Process.NoNewPrivileges",
        "OCI.Process.Capabilities.Bounding",
        "OCI.Root",
        "OCI.Mounts",
        "OCI.Annotations",
        "OCI.Version",
        "OCI.Linux.MaskedPaths",
        "sandbox_pidns",
    ];
    let mut tried = 0;
    for Fault { what, path, members } in faults::single_faults(&honest) {
        let Some(within) = compared.iter().find(|within| path.starts_with(*within)) else { continue };
        // A set is the same set when an item is repeated.
        let is_set = ["AdditionalGids", "Bounding", "MaskedPaths"].iter().any(|end| within.ends_with(end));
        if is_set && what == "repeated an item of" {
            continue;
        }
        tried += 1;
        let found = mismatches(&expectations, &members);
        assert!(found.iter().any(|mismatch| mismatch.path.starts_with(within)), "{what} {path}: {found:?}");
        assert!(found.iter().all(|mismatch| mismatch.path.starts_with(within)), "{what} {path}: {found:?}");
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn a_request_that_names_no_container_is_compared_with_the_nearest() {
    let honest = honest::request();
    let mut expectations = expected::exactly(&[&honest]);
    let mut far = expectations.containers[0].clone();
    far.name = "far".to_owned();
    far.args = vec!["/far".into()];
    expectations.containers[0].name = "near".to_owned();
    expectations.containers.insert(0, far);
    let mut members = honest;
    members["OCI"]["Process"]["Cwd"] = json!("/elsewhere");
    let explanation = explained(&expectations, Kind::CreateContainer, &members);
    assert_eq!(explanation.container.as_deref(), Some("near"));
    assert_eq!(explanation.mismatches.len(), 1);
    members["OCI"]["Annotations"]["io.kubernetes.cri.container-name"] = json!("far");
    assert_eq!(explained(&expectations, Kind::CreateContainer, &members).container.as_deref(), Some("far"));
}

#[test]
fn a_request_that_no_policy_allows_is_called_so() {
    let explanation = explained(&Expectations::default(), Kind::SetPolicy, &json!({ "policy": "x" }));
    assert_eq!(
        explanation.mismatches[0].to_string(),
        ".: expected no request of this kind, found SetPolicyRequest"
    );
}

#[test]
fn a_container_that_was_not_created_is_called_unknown() {
    let explanation = explained(&Expectations::default(), Kind::ExecProcess, &json!({ "container_id": "x" }));
    assert_eq!(
        explanation.mismatches[0].to_string(),
        r#"container_id: expected a container that was created and not removed, found "x""#
    );
}
