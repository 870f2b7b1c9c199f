//! One thing of a pod is another one than `generate` saw: the pod's events say which. The table of them is in the handbook.

use std::{
    fs,
    time::{Duration, Instant},
};

use contrast_tests::{Cluster, UnpackedRelease, workspace_root};
use serde_json::{Value, json};

use crate::shop::Shop;

/// Longest wait for an event, far beyond what anything takes.
const PATIENCE: Duration = Duration::from_secs(300);
/// What Kubernetes makes the last part of a pod's name of.
const LETTERS: &str = "bcdfghjklmnpqrstvwxz2456789";

/// A change of a pod, and what its events say about it.
struct Fault {
    /// In words, as the handbook has it.
    change: &'static str,
    make: fn(&mut Value, &UnpackedRelease),
    request: &'static str,
    /// Which member is told.
    field: &'static str,
    /// Part of what is told as expected, and as found.
    expected: &'static str,
    found: &'static str,
}

/// The change is made in the container `web`, which comes first.
fn web(pod: &mut Value) -> &mut Value {
    &mut pod["spec"]["containers"][0]
}

const FAULTS: &[Fault] = &[
    Fault {
        change: "image",
        make: |pod, release| web(pod)["image"] = json!(release.image("port-forwarder")),
        request: "CreateContainer",
        field: "storages[1].source",
        expected: "contrast/shop:",
        found: "contrast/port-forwarder:",
    },
    Fault {
        change: "command",
        make: |pod, _| web(pod)["command"] = json!(["/usr/bin/shop", "stock"]),
        request: "CreateContainer",
        field: "OCI.Process.Args[1]",
        expected: "\"web\"",
        found: "\"stock\"",
    },
    Fault {
        change: "argument",
        make: |pod, _| web(pod)["args"] = json!(["web", "--help"]),
        request: "CreateContainer",
        field: "OCI.Process.Args[2]",
        expected: "nothing",
        found: "\"--help\"",
    },
    Fault {
        change: "variable",
        make: |pod, _| web(pod)["env"][0]["value"] = json!("127.137.0.9:8081"),
        request: "CreateContainer",
        field: "OCI.Process.Env[2]",
        expected: "127.137.0.1:8081",
        found: "127.137.0.9:8081",
    },
    Fault {
        change: "added variable",
        make: |pod, _| push(&mut web(pod)["env"], json!({ "name": "LD_PRELOAD", "value": "/evil.so" })),
        request: "CreateContainer",
        field: "OCI.Process.Env[4]",
        expected: "no",
        found: "LD_PRELOAD=/evil.so",
    },
    Fault {
        change: "mount",
        make: |pod, _| {
            push(&mut pod["spec"]["volumes"], json!({ "name": "evil", "emptyDir": {} }));
            push(&mut web(pod)["volumeMounts"], json!({ "name": "evil", "mountPath": "/etc/ssl" }));
        },
        request: "CreateContainer",
        field: "OCI.Mounts[7]",
        expected: "no mount at \"/etc/ssl\"",
        found: "/etc/ssl",
    },
    Fault {
        change: "capability",
        make: |pod, _| web(pod)["securityContext"]["capabilities"]["add"] = json!(["NET_RAW"]),
        request: "CreateContainer",
        field: "OCI.Process.Capabilities.Bounding",
        expected: "the set {}",
        found: "NET_RAW",
    },
    Fault {
        change: "user",
        make: |pod, _| web(pod)["securityContext"]["runAsUser"] = json!(1000),
        request: "CreateContainer",
        field: "OCI.Process.User.UID",
        expected: "65532",
        found: "1000",
    },
    Fault {
        change: "escalation of privileges",
        make: |pod, _| web(pod)["securityContext"]["allowPrivilegeEscalation"] = json!(true),
        request: "CreateContainer",
        field: "OCI.Process.NoNewPrivileges",
        expected: "true",
        found: "false",
    },
    Fault {
        change: "root that can be written to",
        make: |pod, _| web(pod)["securityContext"]["readOnlyRootFilesystem"] = json!(false),
        request: "CreateContainer",
        field: "OCI.Mounts[9].options",
        expected: "\"ro\"",
        found: "\"rw\"",
    },
    Fault {
        change: "command of a probe",
        make: |pod, _| {
            web(pod)["readinessProbe"] = json!({ "exec": { "command": ["/usr/bin/shop", "evil"] } })
        },
        request: "ExecProcess",
        field: "process.Args",
        expected: "no further process",
        found: "\"/usr/bin/shop\"",
    },
    Fault {
        change: "added container",
        make: |pod, release| {
            let evil = json!({ "name": "evil", "image": release.image("shop"), "args": ["visitors"] });
            push(&mut pod["spec"]["containers"], evil);
        },
        request: "CreateContainer",
        field: "OCI.Annotations[\"io.kubernetes.cri.container-name\"]",
        // The container that a request without its name comes closest to.
        expected: "\"contrast-initializer\"",
        found: "\"evil\"",
    },
];

fn push(list: &mut Value, item: Value) {
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap().push(item);
}

/// A pod as the Deployment makes it, but for a change.
fn pod(shop: &Shop, number: usize, make: impl Fn(&mut Value, &UnpackedRelease)) -> Value {
    let mut pod = shop.template("web");
    let letter = LETTERS.chars().nth(number).unwrap();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(format!("web-5b9f47b876-bbbb{letter}"));
    // They serve nobody.
    pod["metadata"]["labels"] = json!({});
    make(&mut pod, &shop.release);
    pod
}

/// What the events of a pod say.
fn events(cluster: &Cluster, pod: &Value) -> Vec<String> {
    let name = pod["metadata"]["name"].as_str().unwrap();
    let of_pod = format!("--field-selector=involvedObject.name={name}");
    let list: Value =
        serde_json::from_str(&cluster.kubectl(&["get", "events", &of_pod, "-o", "json"])).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    items.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_single_fault_of_the_shop_is_denied_at_the_pod_and_told_in_its_events() {
    // Four Deployments that run unchanged.
    let shop = Shop::running();
    let changed: Vec<_> =
        FAULTS.iter().enumerate().map(|(number, fault)| (fault, pod(&shop, number, fault.make))).collect();
    let all = json!({ "apiVersion": "v1", "kind": "List", "items": changed.iter().map(|(_, pod)| pod).collect::<Vec<_>>() });
    shop.cluster.apply(&all.to_string());

    let (mut rows, mut wrong) = (String::new(), Vec::new());
    for (fault, pod) in &changed {
        let phrase = format!("{}Request is blocked by policy", fault.request);
        let end = Instant::now() + PATIENCE;
        let said = loop {
            let events = events(&shop.cluster, pod);
            if let Some(said) = events.iter().find(|said| said.contains(&phrase)) {
                break said.clone();
            }
            assert!(Instant::now() < end, "{}: {events:?}\n{}", fault.change, shop.cluster.report());
        };
        if said.len() > 1000 {
            wrong.push(format!("{}: {} bytes: {said}", fault.change, said.len()));
        }
        let told = format!(": {}", fault.field);
        for part in
            [told.as_str(), "expected ", fault.expected, "found ", fault.found, "platform is simulated"]
        {
            if !said.contains(part) {
                wrong.push(format!("{}: `{part}` is missing in: {said}", fault.change));
            }
        }
        rows.push_str(&format!("| {} | `{}` | `{}` |\n", fault.change, fault.request, fault.field));
        println!("{}: {said}", fault.change);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let page = fs::read_to_string(workspace_root().join("docs/simulated.md")).unwrap();
    assert!(page.contains(&rows), "docs/simulated.md has another table than this:\n{rows}");
}
