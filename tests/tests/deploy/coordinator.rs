//! What `coordinator.yml` and the other plain files promise: who reaches the Coordinator and when, what is asked about it, where its history
//! is, and how little each container may.

use std::collections::BTreeMap;

use contrast_tests::Deployment;
use serde_json::{Value, json};

use crate::{FILES, plain};

fn object(file: &str, kind: &str, name: &str) -> Value {
    let is_it = |value: &Value| value["kind"] == kind && value["metadata"]["name"] == name;
    plain(file).into_iter().find(is_it).unwrap()
}

fn coordinator() -> Value {
    object("coordinator.yml", "StatefulSet", "coordinator")
}

/// The ports of the Coordinator's container, by name.
fn ports() -> BTreeMap<String, Value> {
    let set = coordinator();
    let ports = set["spec"]["template"]["spec"]["containers"][0]["ports"].as_array().unwrap();
    ports
        .iter()
        .map(|port| (port["name"].as_str().unwrap().to_owned(), port["containerPort"].clone()))
        .collect()
}

/// The port on which each port of a Service ends, by number.
fn leads_to(service: &Value) -> Vec<(Value, Value)> {
    let ports = ports();
    let listed = service["spec"]["ports"].as_array().unwrap().iter();
    listed.map(|port| (port["port"].clone(), ports[port["targetPort"].as_str().unwrap()].clone())).collect()
}

#[test]
fn a_coordinator_that_is_not_ready_is_reached_from_outside_and_by_pods() {
    let labels = coordinator()["spec"]["template"]["metadata"]["labels"].clone();
    let service = |name: &str| {
        let service = object("coordinator.yml", "Service", name);
        for (label, value) in service["spec"]["selector"].as_object().unwrap() {
            assert_eq!(labels[label], *value, "{name}");
        }
        service
    };
    let always = service("coordinator");
    assert_eq!(always["spec"]["type"], "LoadBalancer");
    assert_eq!(always["spec"]["publishNotReadyAddresses"], true, "one that is locked is not ready");
    let same = |port: u16| (json!(port), json!(port));
    assert_eq!(leads_to(&always), [1313, 7777, 9102].map(same));
    // Whoever would rather fail than wait.
    let ready = service("coordinator-ready");
    assert_eq!(ready["spec"].get("publishNotReadyAddresses"), None);
    assert_eq!(leads_to(&ready), [1313, 7777].map(same));

    let forwarder = object("port-forwarder.yml", "Pod", "port-forwarder-coordinator");
    let arguments = forwarder["spec"]["containers"][0]["args"].to_string();
    assert!(
        arguments.contains("TCP-LISTEN:1313,") && arguments.contains("TCP:coordinator:1313"),
        "{arguments}"
    );
}

#[test]
fn its_probes_ask_what_a_coordinator_answers() {
    let set = coordinator();
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let deployment = Deployment::new();
    let running = deployment.start();
    let answers = || {
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| {
            let asked = &container[probe]["httpGet"];
            assert_eq!(ports()[asked["port"].as_str().unwrap()], 9102, "{probe}");
            running.ops.get(asked["path"].as_str().unwrap()).0
        })
    };
    assert_eq!(answers(), [200, 200, 503]);
    deployment.contrast(&running, "set", &[]).success();
    assert_eq!(answers(), [200, 200, 200]);
}

#[test]
fn its_history_is_on_a_block_device_that_outlives_it() {
    let set = coordinator();
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["spec"]["volumeMode"], "Block");
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let device = &container["volumeDevices"][0];
    assert_eq!(device["name"], claim["metadata"]["name"]);
    let variables = container["env"].as_array().unwrap();
    let state = variables.iter().find(|variable| variable["name"] == "CONTRAST_STATE_DEVICE").unwrap();
    assert_eq!(state["value"], device["devicePath"]);
    let kept = json!({ "whenDeleted": "Retain", "whenScaled": "Retain" });
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"], kept);
}

/// The specifications of all pods, by the names of their objects.
fn pods() -> Vec<(String, Value)> {
    let objects = FILES.iter().flat_map(|file| plain(file));
    let spec = |value: &Value| value.pointer("/spec/template/spec").cloned();
    let named = |value: Value| {
        let spec = spec(&value).or_else(|| (value["kind"] == "Pod").then(|| value["spec"].clone()))?;
        Some((value["metadata"]["name"].as_str()?.to_owned(), spec))
    };
    objects.filter_map(named).collect()
}

#[test]
fn no_container_may_more_than_it_needs() {
    let pods = pods();
    assert_eq!(pods.len(), 6, "the Coordinator, the shop's four, the port forwarder");
    for (name, spec) in pods {
        assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
        for container in spec["containers"].as_array().unwrap() {
            let may = &container["securityContext"];
            assert_eq!(may["capabilities"]["drop"], json!(["ALL"]), "{name}");
            if name == "coordinator" {
                assert_eq!(*may, json!({ "capabilities": { "drop": ["ALL"], "add": ["SYS_ADMIN"] } }));
                continue;
            }
            assert_eq!(may["capabilities"].get("add"), None, "{name}");
            assert_eq!(
                (&may["runAsNonRoot"], &may["allowPrivilegeEscalation"]),
                (&json!(true), &json!(false)),
                "{name}"
            );
            assert_eq!(may["readOnlyRootFilesystem"], true, "{name}");
        }
    }
}
