//! Rules and explanation say the same: what is denied is explained, and what cannot be explained is allowed.

use std::collections::BTreeSet;

use contrast_policy::{
    Engine, Expectations, Explanation, Verdict, judge,
    request::{Kind, Request},
};
use serde_json::{Value, json};

use crate::support::{
    expected,
    faults::{self, Fault},
    honest,
    open::OPEN,
    policy,
};

/// The policy of the honest pod, whose sandbox exists.
pub(crate) fn engine() -> Engine {
    let sandbox = honest::sandbox();
    let pod = expected::pod(&sandbox, &[&honest::request(), &honest::other_request()]);
    let mut engine = policy::engine(&pod);
    let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &sandbox);
    assert_eq!(verdict, Verdict::Allowed, "{explanation:#?}");
    engine.evaluate(&Request::read(Kind::CreateContainer, &sandbox).unwrap());
    engine
}

/// What is said about a request, without a change of what the policy remembers.
pub(crate) fn explained(engine: &Engine, kind: Kind, members: &Value) -> (Verdict, Option<Explanation>) {
    let mut engine = engine.clone();
    let expectations = Expectations::of(&mut engine).unwrap();
    let judgement = judge(&mut engine, Some(&expectations), &Request::read(kind, members).unwrap());
    (judgement.answer.verdict, judgement.explanation)
}

#[test]
fn honest_requests_are_allowed_once() {
    let mut engine = engine();
    for honest in [honest::request(), honest::other_request()] {
        let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &honest);
        assert_eq!(verdict, Verdict::Allowed, "{explanation:#?}");
        let request = Request::read(Kind::CreateContainer, &honest).unwrap();
        engine.evaluate(&request);
        let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &honest);
        assert_eq!(verdict, Verdict::Denied);
        let mismatches = explanation.unwrap().mismatches;
        assert_eq!(mismatches.len(), 1, "{mismatches:?}");
        assert_eq!(mismatches[0].expected, "each container only once at a time");
    }
    let honest = honest::request();
    let removal = json!({ "container_id": honest["container_id"] });
    let removed = engine.evaluate(&Request::read(Kind::RemoveContainer, &removal).unwrap());
    assert_eq!(removed.verdict, Verdict::Allowed);
    assert_eq!(explained(&engine, Kind::CreateContainer, &honest).0, Verdict::Allowed);
}

#[test]
fn a_fault_is_denied_exactly_if_it_is_explained() {
    let engine = engine();
    let mut denied = 0;
    let mut unused: BTreeSet<&str> = OPEN.iter().map(|(fault, _)| *fault).collect();
    for Fault { what, path, members } in faults::single_faults(&honest::request()) {
        let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &members);
        if verdict == Verdict::Allowed {
            let fault = format!("{what} {path}");
            let open = OPEN.iter().find(|(open, _)| fault.starts_with(open));
            let (open, _) = open.unwrap_or_else(|| panic!("{fault} is allowed"));
            unused.remove(open);
            continue;
        }
        denied += 1;
        let mismatches = explanation.unwrap().mismatches;
        // An identifier is wrong where it is not that of the folder.
        let path = if path == "container_id" { "OCI.Root" } else { &path };
        let names = |told: &str| path.starts_with(told) || told.starts_with(path);
        assert!(mismatches.iter().any(|told| names(&told.path)), "{what} {path}: {mismatches:#?}");
    }
    assert!(denied > 100, "{denied}");
    assert!(unused.is_empty(), "closed by now: {unused:?}");
}

#[test]
fn what_belongs_to_another_container_is_denied_and_named() {
    let (one, other) = (honest::request(), honest::other_request());
    let engine = engine();
    let mut tried = 0;
    for Fault { path, members, .. } in
        faults::swapped(&one, &other).into_iter().chain(faults::swapped(&other, &one))
    {
        if path == "exec_id" {
            continue;
        }
        tried += 1;
        let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &members);
        assert_ne!(verdict, Verdict::Allowed, "{path}");
        assert!(!explanation.unwrap().mismatches.is_empty(), "{path} is denied without a reason");
    }
    assert!(tried > 10, "{tried}");
}
