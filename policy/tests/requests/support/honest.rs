//! An honest pod: its sandbox and two containers.

use serde_json::{Value, json};

use super::runtime;

/// Identifiers of the sandbox and the containers: 64 hexadecimal digits.
pub(crate) const SANDBOX: &str = "5a00000000000000000000000000000000000000000000000000000000000000";
pub(crate) const APP: &str = "c0ffee0000000000000000000000000000000000000000000000000000000000";
pub(crate) const OTHER: &str = "0ddba11000000000000000000000000000000000000000000000000000000000";

/// An OCI runtime configuration with something of everything.
pub(crate) fn config() -> Value {
    let capabilities = json!(["CAP_KILL"]);
    json!({
        "ociVersion": "1.2.1",
        "process": {
            "user": { "uid": 7, "gid": 8, "additionalGids": [8, 9] }, "args": ["/app"], "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "oomScoreAdj": 1000, "selinuxLabel": "label",
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1, "soft": 1 }],
        },
        "root": { "path": "rootfs", "readonly": true },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"] },
            { "destination": "/tls", "type": "bind", "source": "/var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/tls" },
            { "destination": "/etc/hosts", "type": "bind", "source": "/var/lib/kubelet/pods/u/etc-hosts", "options": ["rbind"] },
            { "destination": "/dev/shm", "type": "bind", "source": "/run/sandboxes/s/shm" },
        ],
        "annotations": {
            "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "app",
            "io.kubernetes.cri.image-name": format!("example.com/a@sha256:{}", "1".repeat(64)),
            "io.kubernetes.cri.sandbox-name": "web-1", "io.kubernetes.cri.sandbox-namespace": "default",
            "io.kubernetes.cri.sandbox-uid": "0-1", "io.kubernetes.cri.sandbox-id": SANDBOX,
            "io.katacontainers.config.agent.policy": "x",
        },
        "linux": {
            "sysctl": { "net.ipv4.x": "1" }, "cgroupsPath": "/c", "seccomp": { "defaultAction": "SCMP_ACT_ERRNO" },
            "namespaces": [
                { "type": "pid" }, { "type": "ipc", "path": "/proc/1/ns/ipc" }, { "type": "uts" }, { "type": "mount" },
                { "type": "network" },
            ],
            "resources": { "memory": { "limit": 5 }, "cpu": { "shares": 2 }, "devices": [{ "allow": false }] },
            "maskedPaths": ["/proc/acpi"], "readonlyPaths": ["/proc/bus"],
        },
    })
}

/// The pod that it is of.
pub(crate) fn pod() -> Value {
    json!({ "spec": { "volumes": [{ "name": "tls", "emptyDir": { "medium": "Memory" } }] } })
}

/// What the runtime asks for the sandbox.
pub(crate) fn sandbox() -> Value {
    let mut config = config();
    config["process"]["args"] = json!(["/pause"]);
    let annotations = config["annotations"].as_object_mut().unwrap();
    annotations.insert("io.kubernetes.cri.container-type".to_owned(), json!("sandbox"));
    annotations.remove("io.kubernetes.cri.container-name");
    annotations.remove("io.kubernetes.cri.image-name");
    config["mounts"] = json!([]);
    runtime::create_container(&config, SANDBOX, &pod()).input()
}

/// What the runtime asks for a container.
pub(crate) fn request() -> Value {
    runtime::create_container(&config(), APP, &pod()).input()
}

/// What the runtime asks for another container of the pod.
pub(crate) fn other_request() -> Value {
    let mut config = config();
    config["process"]["args"] = json!(["/other", "--flag"]);
    config["process"]["env"] = json!(["PATH=/usr/bin", "HOME=/root"]);
    config["process"]["user"]["uid"] = json!(9);
    config["process"]["cwd"] = json!("/srv");
    config["annotations"]["io.kubernetes.cri.container-name"] = json!("other");
    config["annotations"]["io.kubernetes.cri.image-name"] =
        json!(format!("example.com/b@sha256:{}", "2".repeat(64)));
    runtime::create_container(&config, OTHER, &pod()).input()
}

/// What the runtime asks for a probe in the first container.
pub(crate) fn exec() -> Value {
    let mut process = config()["process"].clone();
    process["args"] = json!(["/bin/check", "--live"]);
    runtime::exec_process(&process, APP).input()
}

/// What the runtime asks before the sandbox.
pub(crate) fn before() -> Value {
    json!({ "hostname": "web-1", "sandbox_id": SANDBOX, "dns": ["nameserver 10.0.0.1"] })
}
