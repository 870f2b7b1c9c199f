//! Rules and explanation say the same: what is denied is explained, and what cannot be explained is allowed.

use contrast_policy::{
    Engine, Expectations, Explanation, Verdict, judge,
    request::{Kind, Request},
};
use serde_json::{Value, json};

use crate::support::{
    expected,
    faults::{self, Fault},
    honest, policy,
};

fn engine(expectations: &Expectations) -> Engine {
    Engine::load(&policy::text(expectations)).unwrap()
}

fn explained(engine: &Engine, kind: Kind, members: &Value) -> (Verdict, Option<Explanation>) {
    let mut engine = engine.clone();
    let expectations = Expectations::of(&mut engine).unwrap();
    let judgement = judge(&mut engine, Some(&expectations), &Request::read(kind, members).unwrap());
    (judgement.answer.verdict, judgement.explanation)
}

#[test]
fn a_policy_says_what_it_was_made_to_expect() {
    let expectations = expected::exactly(&honest::request());
    assert_eq!(Expectations::of(&mut engine(&expectations)), Ok(expectations));
}

#[test]
fn an_honest_request_is_allowed_once() {
    let honest = honest::request();
    let mut engine = engine(&expected::exactly(&honest));
    let request = Request::read(Kind::CreateContainer, &honest).unwrap();
    assert_eq!(engine.evaluate(&request).verdict, Verdict::Allowed);
    assert_eq!(engine.memory(), &json!({ "containers": { "c0ffee": "app" } }));
    let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &honest);
    assert_eq!(verdict, Verdict::Denied);
    let mismatches = explanation.unwrap().mismatches;
    assert_eq!(mismatches.len(), 1);
    assert_eq!(mismatches[0].expected, "each container only once at a time");
    let removal = Request::read(Kind::RemoveContainer, &json!({ "container_id": "c0ffee" })).unwrap();
    assert_eq!(engine.evaluate(&removal).verdict, Verdict::Allowed);
    assert_eq!(engine.evaluate(&request).verdict, Verdict::Allowed);
}

#[test]
fn a_fault_is_denied_exactly_if_it_is_explained() {
    let honest = honest::request();
    let expectations = expected::exactly(&honest);
    let engine = engine(&expectations);
    let (mut denied, mut allowed) = (0, Vec::new());
    for Fault { what, path, members } in faults::single_faults(&honest) {
        let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &members);
        match verdict {
            Verdict::Allowed => allowed.push(format!("{what} {path}")),
            _ => {
                denied += 1;
                let mismatches = explanation.unwrap().mismatches;
                assert!(!mismatches.is_empty(), "{what} {path} is denied without a reason");
            }
        }
    }
    assert!(denied > 80, "{denied}");
    // What these expectations do not compare, and sets, in which an item counts once.
    let open = [
        "container_id",
        "exec_id",
        "OCI.Hostname",
        "OCI.Linux",
        "OCI.Process.OOMScoreAdj",
        "OCI.Process.Rlimits",
    ];
    for fault in allowed {
        let path = fault.rsplit(' ').next().unwrap();
        let is_open = open.iter().any(|open| path.starts_with(open)) || fault.starts_with("repeated");
        assert!(
            is_open
                || path.contains("_port")
                || path.contains("Profile")
                || path.contains("Label")
                || path.contains("Username"),
            "{fault}"
        );
    }
}
