//! The way from an OCI runtime configuration to a request, tried on itself.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use contrast_policy::request::Request;
use serde_json::{Value, json};
use support::{faults, runtime};

fn config() -> Value {
    json!({
        "ociVersion": "1.2.1",
        "process": {
            "user": { "uid": 7, "gid": 8, "additionalGids": [8] }, "args": ["/app"], "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": { "bounding": ["CAP_KILL"] }, "oomScoreAdj": 1000, "selinuxLabel": "label",
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1, "soft": 1 }],
        },
        "root": { "path": "rootfs", "readonly": true },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"] },
            { "destination": "/etc/hosts", "type": "bind", "source": "/var/lib/kubelet/pods/u/etc-hosts", "options": ["rbind"] },
            { "destination": "/tls", "type": "bind", "source": "/var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/tls" },
            { "destination": "/dev/shm", "type": "bind", "source": "/run/sandboxes/s/shm" },
        ],
        "annotations": {
            "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.image-name": "example.com/a@sha256:1",
            "io.katacontainers.config.agent.policy": "x",
        },
        "linux": {
            "sysctl": { "net.ipv4.x": "1" }, "cgroupsPath": "/c", "seccomp": { "defaultAction": "SCMP_ACT_ERRNO" },
            "namespaces": [{ "type": "pid" }, { "type": "ipc", "path": "/proc/1/ns/ipc" }, { "type": "network" }],
            "resources": { "memory": { "limit": 5 }, "cpu": { "shares": 2 }, "devices": [{ "allow": false }] },
            "maskedPaths": ["/proc/acpi"],
        },
    })
}

fn pod() -> Value {
    json!({ "spec": { "volumes": [{ "name": "tls", "emptyDir": { "medium": "Memory" } }] } })
}

fn honest() -> Value {
    runtime::create_container(&config(), "c0ffee", &pod()).input()
}

#[test]
fn a_configuration_becomes_what_the_runtime_sends() {
    let input = honest();
    let oci = &input["OCI"];
    assert_eq!(oci["Version"], "1.2.1");
    assert_eq!(oci["Process"]["User"], json!({ "UID": 7, "GID": 8, "AdditionalGids": [8], "Username": "" }));
    assert_eq!(oci["Process"]["OOMScoreAdj"], 1000);
    assert_eq!(oci["Process"]["SelinuxLabel"], "");
    assert_eq!(oci["Process"]["Rlimits"], json!([{ "Type": "RLIMIT_NOFILE", "Hard": 1, "Soft": 1 }]));
    assert_eq!(oci["Root"], json!({ "Path": "/run/kata-containers/c0ffee/rootfs", "Readonly": true }));
    let sources: Vec<_> = oci["Mounts"].as_array().unwrap().iter().map(|mount| &mount["source"]).collect();
    assert_eq!(
        sources,
        [
            "proc",
            "/run/kata-containers/shared/containers/c0ffee-0000000000000001-hosts",
            "/run/kata-containers/sandbox/ephemeral/tls",
            "/run/kata-containers/sandbox/shm",
        ]
    );
    assert_eq!(oci["Linux"]["Namespaces"], json!([{ "Type": "ipc", "Path": "" }]));
    assert_eq!(oci["Linux"]["Seccomp"], Value::Null);
    assert_eq!(oci["Linux"]["Resources"]["Memory"]["Limit"], 5);
    assert_eq!(oci["Linux"]["Resources"]["Devices"], json!([]));
    assert_eq!(oci["Linux"]["Sysctl"], json!({ "net.ipv4.x": "1" }));
    assert!(oci["Annotations"].get("io.katacontainers.config.agent.policy").is_none());
    assert_eq!(oci["Annotations"]["io.katacontainers.pkg.oci.container_type"], "pod_container");
    let pull = &input["storages"][1];
    assert_eq!(pull["source"], "example.com/a@sha256:1");
    assert!(pull["driver_options"][0].as_str().unwrap().contains("\"metadata\":{"));
}

#[test]
fn a_process_becomes_a_request_without_capabilities() {
    let request = runtime::exec_process(&config()["process"], "c0ffee");
    let Request::ExecProcess(exec) = request else { panic!() };
    let process = exec.process.unwrap();
    assert_eq!(process.args, ["/app"]);
    assert_eq!(process.capabilities, None);
}

#[test]
fn faults_differ_from_the_honest_request_in_one_member() {
    let honest = honest();
    let faults = faults::single_faults(&honest);
    assert!(faults.iter().all(|fault| fault.members != honest));
    let has = |what: &str, path: &str| faults.iter().any(|fault| fault.what == what && fault.path == path);
    assert!(has("changed", "OCI.Process.Args[0]"));
    assert!(has("dropped an item of", "OCI.Mounts"));
    assert!(has("repeated an item of", "OCI.Process.Env"));
    assert!(has("added to", "OCI.Annotations"));
    assert!(has("changed", "OCI.Annotations[\"io.kubernetes.cri.container-type\"]"));
    assert!(has("changed", "storages[1].source"));
    let mut other = honest.clone();
    other["OCI"]["Process"]["Args"] = json!(["/other"]);
    let swapped = faults::swapped(&honest, &other);
    let paths: Vec<_> = swapped.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["OCI.Process.Args", "OCI.Process.Args[0]"]);
}
