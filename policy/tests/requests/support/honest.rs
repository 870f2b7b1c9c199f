//! An honest request.

use serde_json::{Value, json};

use super::runtime;

/// An OCI runtime configuration with something of everything.
pub(crate) fn config() -> Value {
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
            "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "app",
            "io.kubernetes.cri.image-name": "example.com/a@sha256:1",
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

/// The pod that it is of.
pub(crate) fn pod() -> Value {
    json!({ "spec": { "volumes": [{ "name": "tls", "emptyDir": { "medium": "Memory" } }] } })
}

/// What the runtime asks for it.
pub(crate) fn request() -> Value {
    runtime::create_container(&config(), "c0ffee", &pod()).input()
}

/// What the runtime asks for another container of the pod.
pub(crate) fn other_request() -> Value {
    let mut config = config();
    config["process"]["args"] = json!(["/other", "--flag"]);
    config["process"]["env"] = json!(["PATH=/usr/bin", "HOME=/root"]);
    config["process"]["user"]["uid"] = json!(9);
    config["process"]["cwd"] = json!("/srv");
    config["annotations"]["io.kubernetes.cri.container-name"] = json!("other");
    config["annotations"]["io.kubernetes.cri.image-name"] = json!("example.com/other@sha256:2");
    runtime::create_container(&config, "0ddba11", &pod()).input()
}
