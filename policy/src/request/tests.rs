use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_missing_member_takes_its_default_and_an_unknown_one_is_left_out() {
    let members = json!({
        "container_id": "c1",
        "OCI": { "Process": { "Args": ["/app"], "User": { "UID": 7, "additional_gids": [1] } }, "Linux": {} },
        "devices": [{ "id": "d", "type": "stray", "pciPath": "0/1" }],
    });
    let input = Request::read(Kind::CreateContainer, &members).unwrap().input();
    assert_eq!(input["exec_id"], json!(""));
    assert_eq!(input["string_user"], Value::Null);
    assert_eq!(
        input["OCI"]["Process"]["User"],
        json!({ "UID": 7, "GID": 0, "AdditionalGids": [], "Username": "" })
    );
    assert_eq!(input["OCI"]["Root"], Value::Null);
    assert_eq!(input["OCI"]["Linux"]["Sysctl"], json!({}));
    assert_eq!(input["OCI"]["Linux"]["Namespaces"], json!([]));
    assert_eq!(
        input["devices"],
        json!([{ "id": "d", "type_": "", "vm_path": "", "container_path": "", "options": [] }])
    );
}

#[test]
fn names_are_those_of_the_agent() {
    let members = json!({
        "OCI": {
            "Process": { "OOMScoreAdj": -998, "ApparmorProfile": "a", "SelinuxLabel": "s", "NoNewPrivileges": true,
                         "ConsoleSize": { "Height": 1, "Width": 2 }, "Rlimits": [{ "Type": "t", "Hard": 1, "Soft": 1 }] },
            "Mounts": [{ "destination": "/d", "source": "s", "type_": "bind", "options": ["ro"] }],
            "Linux": { "UIDMappings": [{ "HostID": 1, "ContainerID": 2, "Size": 3 }],
                       "Namespaces": [{ "Type": "ipc", "Path": "" }],
                       "Devices": [{ "Path": "/dev/x", "Type": "c", "Major": 1, "Minor": 2, "FileMode": 3, "UID": 4, "GID": 5 }],
                       "Resources": { "CPU": { "Shares": 2 }, "Memory": { "DisableOOMKiller": true }, "BlockIO": {} },
                       "CgroupsPath": "/c", "IntelRdt": {} },
        },
        "storages": [{ "fs_group": { "group_id": 5, "group_change_policy": 1 }, "driver_options": ["x"] }],
        "stdin_port": null,
    });
    let input = Request::read(Kind::CreateContainer, &members).unwrap().input();
    assert!(contains(&input, &members), "{input:#}");
    let members = json!({ "interface": { "IPAddresses": [{ "family": 1, "address": "::1", "mask": "128" }],
                          "hwAddr": "h", "devicePath": "p", "type_": "veth", "raw_flags": 128 } });
    assert!(contains(&Request::read(Kind::UpdateInterface, &members).unwrap().input(), &members));
    let members =
        json!({ "neighbors": { "ARPNeighbors": [{ "toIPAddress": { "address": "a" }, "lladdr": "l" }] } });
    assert!(contains(&Request::read(Kind::AddArpNeighbors, &members).unwrap().input(), &members));
    let members = json!({ "routes": { "Routes": [{ "dest": "d" }] } });
    assert!(contains(&Request::read(Kind::UpdateRoutes, &members).unwrap().input(), &members));
}

/// Whether every member of `part` that is not null is in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (_, Value::Null) => true,
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}

#[test]
fn a_member_of_the_wrong_type_is_named() {
    let error = Request::read(Kind::CreateContainer, &json!({ "OCI": { "Process": { "Args": ["a", 1] } } }))
        .unwrap_err();
    assert_eq!(error.path, "OCI.Process.Args[1]");
}

#[test]
fn every_kind_is_found_by_its_name_and_defaults_to_an_object() {
    for kind in Kind::ALL {
        assert_eq!(Kind::named(kind.name()), Some(*kind));
        let request = Request::read(*kind, &json!({})).unwrap();
        assert_eq!(request.kind(), *kind);
        assert!(request.input().is_object());
    }
    assert_eq!(Kind::named("CreateContainer"), None);
}

#[test]
fn lines_of_an_agent_are_read_with_their_place() {
    let text = "{\"kind\":\"StartContainerRequest\",\"request\":{\"container_id\":\"c\"}}\n\n\
                {\"kind\":\"StatsContainerRequest\",\n\"request\":{}}\n";
    let cases = read_batch(text).unwrap();
    let places: Vec<_> = cases.iter().map(|case| (case.line, case.request.kind())).collect();
    assert_eq!(places, [(1, Kind::StartContainer), (3, Kind::StatsContainer)]);
}

#[test]
fn test_cases_are_read_with_what_they_expect() {
    let text = r#"[
        {"description": "d", "allowed": false, "kind": "GetMetricsRequest", "request": {}, "state": {"old": 1}}
    ]"#;
    let cases = read_batch(text).unwrap();
    assert_eq!(cases[0].line, 2);
    assert_eq!(cases[0].description.as_deref(), Some("d"));
    assert_eq!(cases[0].expected, Some(false));
}

#[test]
fn what_is_no_request_is_an_error_with_its_line() {
    let line = |text: &str| match read_batch(text).unwrap_err() {
        BatchError::Malformed { line, .. }
        | BatchError::UnknownKind { line, .. }
        | BatchError::Member { line, .. } => line,
        other => panic!("{other}"),
    };
    let good = "{\"kind\":\"GetMetricsRequest\",\"request\":{}}\n";
    assert_eq!(line(&format!("{good}{{\"kind\":\"Nonsense\",\"request\":{{}}}}")), 2);
    assert_eq!(line(&format!("{good}{good}{{")), 3);
    assert_eq!(line(&format!("{good}{{\"kind\":\"GetMetricsRequest\"}}")), 2);
    assert_eq!(line(&format!("{good}7")), 2);
    assert_eq!(line("[{\"kind\":\"StartContainerRequest\",\"request\":{\"container_id\":7}}]"), 1);
    assert_eq!(read_batch(" \n"), Err(BatchError::Empty));
    assert_eq!(read_batch("[]"), Err(BatchError::Empty));
    assert_eq!(
        read_batch(&" ".repeat(MAX_BATCH_LEN + 1)),
        Err(BatchError::TooLong { len: MAX_BATCH_LEN + 1 })
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:a-z0-9 \n]{0,200}") {
        if let Ok(cases) = read_batch(&text) {
            prop_assert!(!cases.is_empty());
        }
    }

    #[test]
    fn reading_what_was_written_changes_nothing(args in proptest::collection::vec(".*", 0..4), id in ".*", uid: u32) {
        let members = json!({ "container_id": id, "OCI": { "Process": { "Args": args, "User": { "UID": uid } } } });
        let request = Request::read(Kind::CreateContainer, &members).unwrap();
        prop_assert_eq!(Request::read(Kind::CreateContainer, &request.input()).unwrap(), request);
    }
}
