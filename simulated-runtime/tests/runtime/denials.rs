//! What a policy does not allow, does not happen; and the reason is told.

use std::fs;

use contrast_policy::initdata::{ANNOTATION, POLICY_ANNOTATION};
use serde_json::{Value, json};

use crate::{node::Node, pod::Pod};

const SCRIPT: &str = "exec /bin/busybox sleep 1000";

/// The change of a configuration, and what is said about it.
type Fault = (&'static str, fn(&mut Value), &'static [&'static str]);

const FAULTS: &[Fault] = &[
    (
        "command",
        |config| config["process"]["args"][3] = json!("evil"),
        &["OCI.Process.Args[3]", SCRIPT, "evil"],
    ),
    (
        "further argument",
        |config| push(&mut config["process"]["args"], json!("more")),
        &["OCI.Process.Args", "more"],
    ),
    ("variable", |config| config["process"]["env"][2] = json!("LEVEL=debug"), &["LEVEL", "info", "debug"]),
    ("added variable", |config| push(&mut config["process"]["env"], json!("LD_PRELOAD=/x")), &["LD_PRELOAD"]),
    (
        "user",
        |config| config["process"]["user"]["uid"] = json!(7),
        &["OCI.Process.User.UID", "expected 0", "found 7"],
    ),
    (
        "capability",
        |config| push(&mut config["process"]["capabilities"]["bounding"], json!("CAP_SYS_ADMIN")),
        &["Capabilities", "SYS_ADMIN"],
    ),
    ("directory", |config| config["process"]["cwd"] = json!("/tmp"), &["OCI.Process.Cwd", "/tmp"]),
    (
        "image",
        |config| {
            config["annotations"]["io.kubernetes.cri.image-name"] = json!("registry.example/evil@sha256:0")
        },
        &["registry.example/app", "registry.example/evil"],
    ),
    (
        "mount",
        |config| {
            push(
                &mut config["mounts"],
                json!({ "destination": "/x/y/z", "type": "bind", "source": "/etc", "options": ["rbind"] }),
            );
        },
        &["no mount at", "/x/y/z"],
    ),
    (
        "added container",
        |config| config["annotations"]["io.kubernetes.cri.container-name"] = json!("other"),
        &["CreateContainerRequest is blocked by policy", "other"],
    ),
];

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().unwrap().push(item);
}

#[test]
fn every_single_fault_of_a_container_is_denied_with_field_expected_and_found() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    pod.start();
    for (name, change, said) in FAULTS {
        let mut bundle = pod.container_bundle(SCRIPT);
        change(&mut bundle.config);
        bundle.write();
        let called = bundle.create(&node);
        assert!(!called.is_done, "{name} is allowed");
        let error = called.error;
        assert!(error.len() <= 740, "{name}: {error}");
        assert!(error.starts_with("CreateContainerRequest is blocked by policy"), "{name}: {error}");
        assert!(
            error.contains("platform is simulated") && error.contains("contrast generate"),
            "{name}: {error}"
        );
        for part in *said {
            assert!(error.contains(part), "{name}: {error} does not say {part}");
        }
        assert_eq!(node.state_of(&bundle.id), Value::Null, "{name}");
    }
    // None of them is remembered, so that the right one runs.
    pod.container_bundle(SCRIPT).run(&node);
}

#[test]
fn commands_that_no_probe_has_are_not_run() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, true);
    let app = pod.run(SCRIPT);
    for other in
        [&["/bin/busybox", "sh"][..], &["/bin/busybox", "echo"], &["/bin/busybox", "echo", "ready", "x"]]
    {
        let called = app.exec(&node, other);
        assert!(!called.is_done);
        assert!(called.error.starts_with("ExecProcessRequest is blocked by policy"), "{}", called.error);
    }
}

#[test]
fn a_container_is_there_once_at_a_time_and_only_in_its_own_pod() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    pod.run(SCRIPT);
    let second = pod.container_bundle(SCRIPT);
    assert!(second.create(&node).is_done, "an agent refuses it only when it is started");
    let called = node.call(&["start", &second.id]);
    assert!(
        !called.is_done && called.error.contains("StartContainerRequest is blocked by policy"),
        "{}",
        called.error
    );

    let mut foreign = pod.container_bundle(SCRIPT);
    foreign.config["annotations"]["io.kubernetes.cri.sandbox-id"] = json!("5a0000");
    foreign.write();
    let called = foreign.create(&node);
    assert!(!called.is_done && called.error.contains("delete the pod"), "{}", called.error);
}

#[test]
fn a_sandbox_without_a_policy_or_with_a_damaged_one_is_refused_and_leaves_nothing() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    let mut bundle = pod.sandbox_bundle();
    let mut called = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let honest = bundle.config.clone();
        change(bundle.config["annotations"].as_object_mut().unwrap());
        bundle.write();
        bundle.config = honest;
        let called = bundle.create(&node);
        assert!(!called.is_done);
        assert_eq!(fs::read_dir(node.state()).into_iter().flatten().count(), 0);
        called.error
    };
    let error = called(&|annotations| drop(annotations.remove(ANNOTATION)));
    assert!(error.contains("contrast generate --reference-values simulated"), "{error}");
    let error = called(&|annotations| drop(annotations.insert(POLICY_ANNOTATION.to_owned(), json!("YQ=="))));
    assert!(error.contains("two policies"), "{error}");
    let error = called(&|annotations| drop(annotations.insert(ANNOTATION.to_owned(), json!("YQ=="))));
    assert!(error.contains("gzip"), "{error}");
    let broken = |annotations: &mut serde_json::Map<String, Value>| {
        annotations.remove(ANNOTATION);
        annotations.insert(POLICY_ANNOTATION.to_owned(), json!("cGFja2FnZSBhZ2VudF9wb2xpY3kKeCB7Cg=="));
    };
    let error = called(&broken);
    assert!(error.contains("cannot load the policy"), "{error}");
    let error = called(&|annotations| {
        annotations.insert("io.kubernetes.cri.sandbox-name".to_owned(), json!("another"));
    });
    assert!(error.contains("CreateContainerRequest is blocked by policy: sandbox"), "{error}");
}

#[test]
fn a_pod_sees_neither_the_processor_nor_other_pods_whatever_its_policy_says() {
    let node = Node::new();
    let pod = Pod::new(&node, SCRIPT, false);
    pod.start();
    let mut bundle = pod.container_bundle(SCRIPT);
    let mounts = bundle.config["mounts"].as_array_mut().unwrap();
    let hosts = mounts.iter_mut().find(|mount| mount["destination"] == "/etc/hosts").unwrap();
    hosts["source"] = json!(node.path("processor"));
    bundle.write();
    let called = bundle.create(&node);
    assert!(
        !called.is_done && called.error.contains("by which others could be taken for it"),
        "{}",
        called.error
    );
}
