//! Bundles, identifiers and files that nobody honest writes.

use std::{fs, os::unix::fs::symlink};

use serde_json::json;

use crate::{
    node::Node,
    pod::{Pod, new_id},
};

const SCRIPT: &str = "exec /bin/busybox sleep 1000";

#[test]
fn a_bundle_with_anything_but_a_configuration_is_refused_with_a_sentence() {
    let node = Node::new();
    let folder = node.path("bundle");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("config.json");
    let refused = || {
        let called = node.call(&["create", "--bundle", folder.to_str().unwrap(), "c0de"]);
        assert!(!called.is_done && !called.error.is_empty());
        called.error
    };
    assert!(refused().contains("config.json"));
    for bytes in [
        &b""[..],
        b"\0",
        b"[]",
        b"{\"annotations\": 1}",
        b"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"}}",
    ] {
        fs::write(&file, bytes).unwrap();
        refused();
    }
    fs::remove_file(&file).unwrap();
    symlink("/etc/passwd", &file).unwrap();
    refused();
    assert_eq!(fs::read_dir(node.state()).into_iter().flatten().count(), 0);
}

#[test]
fn an_identifier_with_slashes_leads_nowhere() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    let bundle = pod.sandbox_bundle();
    for id in ["../x", "a/b", "/tmp/x"] {
        let called = node.call(&["create", "--bundle", bundle.folder.to_str().unwrap(), id]);
        assert!(!called.is_done && called.error.contains("no identifier"), "{}", called.error);
        assert!(!node.call(&["delete", "--force", id]).is_done);
    }
    let mut other = pod.sandbox_bundle();
    other.config["annotations"]["io.kubernetes.cri.sandbox-id"] = json!("../../etc");
    other.write();
    assert!(!other.create(&node).is_done);
    let mut container = pod.container_bundle(SCRIPT);
    container.config["annotations"]["io.kubernetes.cri.sandbox-id"] = json!("../state");
    container.write();
    assert!(!container.create(&node).is_done);
}

#[test]
fn members_of_other_types_are_refused_and_not_taken_for_absent() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    pod.start();
    for (pointer, value) in [
        ("/process", json!([])),
        ("/process/args", json!("sh")),
        ("/mounts/0/options", json!("rw")),
        ("/linux/namespaces/0/type", json!(1)),
        ("/root", json!("x")),
        ("/linux", json!(7)),
        ("/annotations/io.kubernetes.cri.image-name", json!({})),
    ] {
        let mut bundle = pod.container_bundle(SCRIPT);
        *bundle.config.pointer_mut(pointer).unwrap() = value;
        bundle.write();
        let called = bundle.create(&node);
        assert!(!called.is_done && !called.error.is_empty(), "{pointer}");
    }
}

#[test]
fn nothing_is_started_in_a_pod_that_nobody_remembers_and_it_can_still_be_removed() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, true);
    let app = pod.run(SCRIPT);
    let made = pod.container_bundle(SCRIPT);
    fs::write(node.state().join(&pod.sandbox).join("state.json"), "{").unwrap();
    for error in [made.create(&node).error, app.exec(&node, &["/bin/busybox", "echo", "ready"]).error] {
        assert!(error.contains("damaged") && error.contains("delete the pod"), "{error}");
    }
    assert!(node.call(&["kill", &app.id, "9"]).is_done);
    assert!(node.call(&["delete", "--force", &app.id]).is_done);
    assert!(node.call(&["delete", "--force", &pod.sandbox]).is_done);
    assert!(!node.call(&["start", &new_id()]).is_done);
}
