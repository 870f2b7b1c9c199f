//! An encrypted volume, the service mesh and renewal in one pod.

use contrast_tests::{Generated, policy_digest};
use serde_json::{Value, json};

use crate::{Room, application};

fn database() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": { "name": "db" },
        "spec": {
            "serviceName": "db",
            "selector": { "matchLabels": { "app": "db" } },
            "template": {
                "metadata": {
                    "labels": { "app": "db" },
                    "annotations": {
                        "contrast.edgeless.systems/secure-pv": "state:share",
                        "contrast.edgeless.systems/renew-certificates": "true",
                        "contrast.edgeless.systems/renewal-metrics-port": "9103",
                        "contrast.edgeless.systems/servicemesh-ingress": "metrics#9103#true",
                        "contrast.edgeless.systems/servicemesh-egress": "web#127.137.0.1:8081#web:8080#san=web",
                        "contrast.edgeless.systems/servicemesh-admin-interface-port": "9901",
                    },
                },
                "spec": {
                    "runtimeClassName": "contrast-cc",
                    "initContainers": [{ "name": "own", "image": application().pinned() }],
                    "containers": [{
                        "name": "db",
                        "image": application().pinned(),
                        "volumeMounts": [{ "name": "share", "mountPath": "/data", "mountPropagation": "HostToContainer" }],
                    }],
                },
            },
            "volumeClaimTemplates": [{
                "metadata": { "name": "state" },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "volumeMode": "Block",
                    "resources": { "requests": { "storage": "1Gi" } },
                },
            }],
        },
    })
}

#[test]
fn a_pod_may_have_an_encrypted_volume_the_mesh_and_renewal_at_once() {
    let room = Room::with(&[("resources/db.json", &database().to_string())]);
    room.run(&["resources"]).success();
    let written = room.read("resources/db.json");
    let object: Value = serde_json::from_str(&written).unwrap();
    let spec = &object["spec"]["template"]["spec"];

    // The secret, and the volume, before all that may need them; the mesh before the programs, after the others.
    let containers = spec["initContainers"].as_array().unwrap();
    let names: Vec<_> = containers.iter().map(|container| container["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["contrast-initializer", "own", "contrast-service-mesh"]);
    let (initializer, mesh) = (&containers[0], &containers[2]);
    assert_eq!([&initializer["restartPolicy"], &mesh["restartPolicy"]], ["Always", "Always"]);
    let variable = |container: &Value, name: &str| {
        let named = container["env"].as_array().unwrap().iter().find(|variable| variable["name"] == name);
        named.map(|variable| variable["value"].clone())
    };
    for (name, value) in [
        ("CRYPTSETUP_DEVICE", "/dev/csi0"),
        ("CONTRAST_RENEW_CERTIFICATES", "true"),
        ("CONTRAST_RENEWAL_METRICS_ADDR", "[::]:9103"),
    ] {
        assert_eq!(variable(initializer, name), Some(value.into()), "{name}");
    }
    assert_eq!(variable(mesh, "CONTRAST_INGRESS_PROXY_CONFIG"), Some("metrics#9103#true".into()));
    assert_eq!(initializer["volumeDevices"], json!([{ "name": "state", "devicePath": "/dev/csi0" }]));
    assert_eq!(initializer["resources"]["limits"]["memory"], "100Mi");
    let ready = json!(["/usr/bin/initializer", "ready"]);
    for probe in ["startupProbe", "readinessProbe"] {
        assert_eq!(initializer[probe]["exec"]["command"], ready);
    }

    // What the kubelet and the runtime will ask for is in the policy, and the policy in the manifest.
    let document = Generated::read(&room.path("resources/db.json")).initdata();
    let policy = String::from_utf8(document.clone()).unwrap();
    for expected in
        ["/usr/bin/initializer", "CRYPTSETUP_DEVICE", "CONTRAST_RENEW_CERTIFICATES", "/dev/csi0", "san=web"]
    {
        assert!(policy.contains(expected), "{expected}");
    }
    let entry = &room.manifest()["Policies"][policy_digest(&document)];
    assert_eq!(entry["WorkloadSecretID"], "apps/v1/StatefulSet/default/db");

    // Once more is the same.
    room.run(&["resources"]).success();
    assert_eq!(room.read("resources/db.json"), written);
}
