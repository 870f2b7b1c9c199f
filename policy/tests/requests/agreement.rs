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
    open::{OPEN, OPEN_EXEC},
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
        assert_eq!(mismatches[0].expected, "an identifier that no container has");
    }
    let honest = honest::request();
    let removal = json!({ "container_id": honest["container_id"] });
    assert_eq!(explained(&engine, Kind::StartContainer, &removal).0, Verdict::Allowed);
    engine.evaluate(&Request::read(Kind::StartContainer, &removal).unwrap());
    let (verdict, explanation) = explained(&engine, Kind::StartContainer, &removal);
    assert_eq!(verdict, Verdict::Denied);
    let mismatches = explanation.unwrap().mismatches;
    assert_eq!(mismatches.len(), 1, "{mismatches:?}");
    assert_eq!(mismatches[0].expected, "each container only once at a time");
    let removed = engine.evaluate(&Request::read(Kind::RemoveContainer, &removal).unwrap());
    assert_eq!(removed.verdict, Verdict::Allowed);
    assert_eq!(explained(&engine, Kind::CreateContainer, &honest).0, Verdict::Allowed);
}

/// Holds every fault of an honest request to be denied and named, or to be open and listed.
fn hold(engine: &Engine, kind: Kind, honest: &Value, open: &[(&str, &str)]) -> usize {
    let (verdict, explanation) = explained(engine, kind, honest);
    assert_eq!(verdict, Verdict::Allowed, "{explanation:#?}");
    let (mut denied, mut unlisted) = (0, Vec::new());
    let mut unused: BTreeSet<&str> = open.iter().map(|(fault, _)| *fault).collect();
    for Fault { what, path, members } in faults::single_faults(honest) {
        let (verdict, explanation) = explained(engine, kind, &members);
        if verdict == Verdict::Allowed {
            let fault = format!("{what} {path}");
            let found = open.iter().find(|(open, _)| fault.starts_with(open));
            match found {
                Some((open, _)) => _ = unused.remove(open),
                None => unlisted.push(fault),
            }
            continue;
        }
        denied += 1;
        let mismatches = explanation.unwrap().mismatches;
        // An identifier is wrong where it is not that of the folder.
        let path = if kind == Kind::CreateContainer && path == "container_id" { "OCI.Root" } else { &path };
        let names = |told: &str| path.starts_with(told) || told.starts_with(path);
        assert!(mismatches.iter().any(|told| names(&told.path)), "{what} {path}: {mismatches:#?}");
    }
    assert!(unlisted.is_empty(), "allowed: {unlisted:?}");
    assert!(unused.is_empty(), "closed by now: {unused:?}");
    denied
}

#[test]
fn a_fault_of_a_container_is_denied_exactly_if_it_is_explained() {
    let denied = hold(&engine(), Kind::CreateContainer, &honest::request(), OPEN);
    assert!(denied > 100, "{denied}");
}

#[test]
fn a_fault_of_a_further_process_is_denied_exactly_if_it_is_explained() {
    let mut engine = engine();
    engine.evaluate(&Request::read(Kind::CreateContainer, &honest::request()).unwrap());
    let (verdict, explanation) = explained(&engine, Kind::ExecProcess, &honest::exec());
    assert_eq!(verdict, Verdict::Denied);
    assert_eq!(explanation.unwrap().mismatches[0].expected, "a container that was started");
    let start = json!({ "container_id": honest::APP });
    engine.evaluate(&Request::read(Kind::StartContainer, &start).unwrap());
    let denied = hold(
        &engine,
        Kind::ExecProcess,
        &Request::read(Kind::ExecProcess, &honest::exec()).unwrap().input(),
        OPEN_EXEC,
    );
    assert!(denied > 20, "{denied}");
}

#[test]
fn a_fault_of_the_network_and_of_files_is_denied_exactly_if_it_is_explained() {
    let interface = json!({ "interface": { "name": "eth0", "device": "eth0", "hwAddr": "02:00:00:00:00:01",
        "IPAddresses": [{ "address": "10.0.0.2", "mask": "24" }] } });
    let with = |pointer: &str, value: Value, honest: &Value| {
        let mut members = honest.clone();
        *members.pointer_mut(pointer).unwrap() = value;
        members
    };
    let routes = json!({ "routes": { "Routes": [{ "dest": "", "gateway": "10.0.0.1", "device": "eth0", "source": "" }] } });
    let neighbors = json!({ "neighbors": { "ARPNeighbors": [{ "toIPAddress": { "address": "10.0.0.1", "mask": "" },
        "device": "eth0", "state": 128, "flags": 0 }] } });
    let shared = format!("/run/kata-containers/shared/containers/{}-{}-hosts", honest::APP, "0".repeat(16));
    let file = json!({ "path": shared, "file_type": "Regular" });
    let link =
        json!({ "path": format!("{shared}/..data"), "file_type": "Symlink", "symlink_target": "..2026" });
    let cases = [
        (
            Kind::UpdateInterface,
            &interface,
            vec![
                ("/interface/name", json!("lo")),
                ("/interface/device", json!("lo")),
                ("/interface/hwAddr", json!("00:00:00:00:00:00")),
                ("/interface/IPAddresses/0/address", json!("127.0.0.1")),
                ("/interface/IPAddresses/0/address", json!("::1")),
            ],
        ),
        (
            Kind::UpdateRoutes,
            &routes,
            vec![
                ("/routes/Routes/0/device", json!("lo")),
                ("/routes/Routes/0/source", json!("127.0.0.1")),
                ("/routes/Routes/0/dest", json!("127.0.0.0/8")),
                ("/routes/Routes/0/gateway", json!("::1")),
            ],
        ),
        (
            Kind::AddArpNeighbors,
            &neighbors,
            vec![
                ("/neighbors/ARPNeighbors/0/device", json!("lo")),
                ("/neighbors/ARPNeighbors/0/state", json!(1)),
                ("/neighbors/ARPNeighbors/0/toIPAddress/address", json!("127.1.1.1")),
                ("/neighbors/ARPNeighbors/0/flags", json!(1)),
            ],
        ),
        (
            Kind::CopyFile,
            &file,
            vec![
                ("/path", json!("/etc/passwd")),
                ("/path", json!(format!("{shared}/../x"))),
                ("/file_type", json!("Unknown")),
            ],
        ),
        (
            Kind::CopyFile,
            &link,
            vec![("/symlink_target", json!("/etc")), ("/symlink_target", json!("a/../b"))],
        ),
    ];
    for (kind, honest, faults) in cases {
        let (verdict, explanation) = explained(&engine(), kind, honest);
        assert_eq!(verdict, Verdict::Allowed, "{kind:?} {explanation:#?}");
        for (pointer, value) in faults {
            let (verdict, explanation) = explained(&engine(), kind, &with(pointer, value.clone(), honest));
            assert_eq!(verdict, Verdict::Denied, "{pointer} {value}");
            let path = pointer.trim_start_matches('/').replace("/0", "[0]").replace('/', ".");
            let said: Vec<_> = explanation.unwrap().mismatches.into_iter().map(|told| told.path).collect();
            assert_eq!(said, [path], "{value}");
        }
    }
}

#[test]
fn a_fault_before_the_sandbox_is_denied_and_named() {
    let honest = honest::before();
    let engine = policy::engine(&expected::pod(&honest::sandbox(), &[]));
    assert_eq!(explained(&engine, Kind::CreateSandbox, &honest).0, Verdict::Allowed);
    for (member, value) in [
        ("guest_hook_path", json!("/hooks")),
        ("kernel_modules", json!([{ "name": "evil" }])),
        ("sandbox_pidns", json!(true)),
        ("storages", json!([{ "driver": "blk" }])),
    ] {
        let mut members = honest.clone();
        members[member] = value;
        let (verdict, explanation) = explained(&engine, Kind::CreateSandbox, &members);
        assert_eq!(verdict, Verdict::Denied, "{member}");
        let said: Vec<_> = explanation.unwrap().mismatches.into_iter().map(|told| told.path).collect();
        assert_eq!(said, [member]);
    }
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
