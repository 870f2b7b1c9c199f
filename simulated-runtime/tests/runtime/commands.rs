//! Each command of containerd, on a pod that its policy allows.

use std::{fs, io::Write as _, process::Stdio};

use crate::{node::Node, pod::Pod};

const WAITS: &str = "trap 'exit 3' TERM; while :; do /bin/busybox sleep 1000 & wait; done";

#[test]
fn a_pod_lives_from_create_to_delete_and_nothing_of_it_is_left() {
    let node = Node::new();
    let pod = Pod::new(&node, WAITS, true);
    let app = pod.run(WAITS);
    assert_eq!(node.state_of(&app.id)["status"], "running");
    assert!(node.state().join(&pod.sandbox).join("state.json").exists());

    let probe = app.exec(&node, &["/bin/busybox", "echo", "ready"]);
    assert!(probe.is_done, "{}", probe.error);
    assert_eq!(probe.output, "ready\n");

    let stats = node.call(&["events", "--stats", &app.id]);
    assert!(stats.is_done && stats.output.contains("\"cpu\""), "{} {}", stats.output, stats.error);
    assert!(node.call(&["ps", "--format", "json", &app.id]).is_done);

    assert!(node.call(&["kill", &app.id, "15"]).is_done);
    app.wait_until_stopped(&node);
    assert!(node.call(&["delete", &app.id]).is_done);
    // The container may be made again, under another identifier.
    let again = pod.container_bundle(WAITS);
    again.run(&node);
    assert!(node.call(&["delete", "--force", &again.id]).is_done);

    assert!(node.call(&["delete", "--force", &pod.sandbox]).is_done);
    assert_eq!(fs::read_dir(node.state()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(node.path("runc")).unwrap().count(), 0);
}

#[test]
fn what_no_agent_is_asked_for_is_what_runc_says() {
    let node = Node::new();
    let version = node.call(&["--version"]);
    assert!(version.is_done && version.output.starts_with("runc version"), "{}", version.output);
    let unknown = node.call(&["state", "absent"]);
    assert!(!unknown.is_done && unknown.error.contains("does not exist"), "{}", unknown.error);
    assert!(node.call(&["delete", "--force", "absent"]).is_done);
}

#[test]
fn limits_cannot_be_changed_and_the_container_goes_on() {
    let node = Node::new();
    let pod = Pod::new(&node, WAITS, true);
    let app = pod.run(WAITS);
    let log = node.path("update.json");
    let mut child =
        node.command(&log, &["update", "--resources", "-", &app.id]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(br#"{"cpu":{"shares":512,"cpus":"0"}}"#).unwrap();
    assert!(!child.wait().unwrap().success());
    let error = crate::node::last_error(&log);
    assert!(error.starts_with("UpdateContainerRequest is blocked by policy"), "{error}");
    for (command, request) in [("pause", "PauseContainerRequest"), ("resume", "ResumeContainerRequest")] {
        let called = node.call(&[command, &app.id]);
        assert!(!called.is_done && called.error.contains(request), "{}", called.error);
    }
    assert_eq!(node.state_of(&app.id)["status"], "running");
}

#[test]
fn what_no_agent_does_is_refused() {
    let node = Node::new();
    for command in ["run", "checkpoint", "restore", "init", "unknown"] {
        let called = node.call(&[command, "c0de"]);
        assert!(!called.is_done && called.error.contains(command), "{}", called.error);
    }
}

#[test]
fn a_node_without_runc_says_where_it_was_looked_for() {
    let node = Node::with(serde_json::json!({ "runc": "/absent/runc" }));
    let called = node.call(&["state", "c0de"]);
    assert!(!called.is_done && called.error.contains("/absent/runc"), "{}", called.error);
    fs::write(node.path("etc/contrast-simulated-runtime.json"), "{").unwrap();
    let called = node.call(&["state", "c0de"]);
    assert!(!called.is_done && called.error.contains("contrast-simulated-runtime.json"), "{}", called.error);
}
