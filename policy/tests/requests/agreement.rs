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
    let expectations = expected::exactly(&[&honest::request()]);
    assert_eq!(Expectations::of(&mut engine(&expectations)), Ok(expectations));
}

#[test]
fn an_honest_request_is_allowed_once() {
    let honest = honest::request();
    let mut engine = engine(&expected::exactly(&[&honest]));
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
    let engine = engine(&expected::exactly(&[&honest]));
    let mut denied = 0;
    for Fault { what, path, members } in faults::single_faults(&honest) {
        let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &members);
        if verdict == Verdict::Denied {
            denied += 1;
            let mismatches = explanation.unwrap().mismatches;
            let names = |told: &str| path.starts_with(told) || told.starts_with(&path);
            assert!(mismatches.iter().any(|told| names(&told.path)), "{what} {path}: {mismatches:?}");
        } else {
            // Identifiers are free, and an item counts once in a set.
            let is_open = path.ends_with("_id") || FREE.contains(&(what, path.as_str()));
            assert!(is_open, "{what} {path}: {verdict:?}");
        }
    }
    assert!(denied > 100, "{denied}");
}

const FREE: [(&str, &str); 3] = [
    ("repeated an item of", "OCI.Process.User.AdditionalGids"),
    ("repeated an item of", "OCI.Process.Capabilities.Bounding"),
    ("repeated an item of", "OCI.Linux.MaskedPaths"),
];

#[test]
fn what_belongs_to_another_container_is_denied_and_named() {
    let one = honest::request();
    let other = honest::other_request();
    let engine = engine(&expected::exactly(&[&one, &other]));
    let mut tried = 0;
    for Fault { path, members, .. } in
        faults::swapped(&one, &other).into_iter().chain(faults::swapped(&other, &one))
    {
        if path == "container_id" || path == "exec_id" {
            continue;
        }
        tried += 1;
        let (verdict, explanation) = explained(&engine, Kind::CreateContainer, &members);
        assert_eq!(verdict, Verdict::Denied, "{path}");
        assert!(!explanation.unwrap().mismatches.is_empty(), "{path} is denied without a reason");
    }
    assert!(tried > 10, "{tried}");
}
