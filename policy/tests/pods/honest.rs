//! The pod that is tried, and what an honest node sends for it.

use std::collections::BTreeMap;

use contrast_image::{Config, Digest, RootHash};
use contrast_policy::{Image, Layer, Naming, Policy, Problem, Settings, Workload};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::{Value, json};

use crate::agent::Agent;

pub(crate) const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const SANDBOX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const WEB: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(crate) const AGAIN: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

pub(crate) fn spec() -> Value {
    json!({
        "enableServiceLinks": false,
        "containers": [{
            "name": "web",
            "image": "example.com/web",
            "command": ["/bin/web", "--name=$(NAME)", "--cost=$$5"],
            "env": [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "livenessProbe": {"exec": {"command": ["/bin/check", "-q"]}},
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "memory", "mountPath": "/memory"},
                {"name": "config", "mountPath": "/etc/web/"},
            ],
        }],
        "volumes": [
            {"name": "data", "emptyDir": {}},
            {"name": "memory", "emptyDir": {"medium": "Memory"}},
            {"name": "config", "configMap": {"name": "web"}},
        ],
    })
}

/// Of the template; it stands within the specification here.
fn metadata(spec: &Value) -> ObjectMeta {
    serde_json::from_value(spec["metadata"].clone()).unwrap_or_default()
}

fn secret() -> Secret {
    serde_json::from_value(json!({"stringData": {"password": "hunter2"}})).unwrap()
}

fn config_map() -> ConfigMap {
    serde_json::from_value(json!({"data": {"GREETING": "hello"}})).unwrap()
}

pub(crate) fn pause_image() -> Image {
    Image { name: "pause".to_owned(), layers: vec![layer(1)], ..Image::default() }
}

pub(crate) fn layer(number: u8) -> Layer {
    Layer::new(&Digest::of(&[number]), RootHash::of_data(&[number][..]).unwrap())
}

pub(crate) fn image() -> Image {
    Image {
        name: format!("example.com/web@{DIGEST}"),
        digest: DIGEST.to_owned(),
        config: Config { env: vec!["PATH=/bin".to_owned(), "A=b=c".to_owned()], ..Config::default() },
        ..Image::default()
    }
}

pub(crate) fn generate(spec: Value) -> Result<Policy, Vec<Problem>> {
    generate_with(spec, image(), &Settings::default())
}

pub(crate) fn generate_with(spec: Value, image: Image, settings: &Settings) -> Result<Policy, Vec<Problem>> {
    let (metadata, spec) = (metadata(&spec), serde_json::from_value(spec).unwrap());
    let workload = Workload {
        naming: Naming::Deployment("web"),
        namespace: Some("shop"),
        metadata: &metadata,
        spec: &spec,
        claim_templates: &[],
        images: &BTreeMap::from([("example.com/web".to_owned(), image)]),
        pause: Some(&pause_image()),
        config_maps: &BTreeMap::from([("web".to_owned(), config_map())]),
        secrets: &BTreeMap::from([("db".to_owned(), secret())]),
    };
    Policy::generate(&workload, settings)
}

pub(crate) fn agent() -> Agent {
    Agent::load(generate(spec()).unwrap().text())
}

pub(crate) fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Value {
    json!({"destination": destination, "source": source, "type_": kind, "options": options})
}

pub(crate) fn shared(id: &str, destination: &str, access: &str) -> Value {
    let name = destination.rsplit('/').next().unwrap();
    let source = format!("/run/kata-containers/shared/containers/{id}-0123456789abcdef-{name}");
    mount(destination, "bind", &source, &["rbind", "rprivate", access])
}

pub(crate) fn storage(driver: &str) -> Value {
    json!({
        "driver": driver, "driver_options": [], "source": "", "fstype": "", "options": [], "mount_point": "",
        "fs_group": null, "shared": false,
    })
}

pub(crate) fn with(mut value: Value, more: Value) -> Value {
    for (key, more) in more.as_object().unwrap() {
        value[key] = more.clone();
    }
    value
}

pub(crate) fn sandbox_storage() -> Value {
    let options = ["noexec", "nosuid", "nodev", "mode=1777", "size=67108864"];
    let more = json!({
        "source": "shm", "fstype": "tmpfs", "options": options, "mount_point": "/run/kata-containers/sandbox/shm",
    });
    with(storage("ephemeral"), more)
}

pub(crate) fn create_sandbox() -> Value {
    json!({
        "hostname": "web", "dns": [], "storages": [sandbox_storage()], "sandbox_pidns": false, "sandbox_id": SANDBOX,
        "guest_hook_path": "", "kernel_modules": [],
    })
}

/// What is the same in all requests for containers.
pub(crate) fn create(id: &str, kind: &str, name: Option<&str>, source: &str, privileges: bool) -> Value {
    let capabilities = [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ]
    .map(|name| format!("CAP_{name}"));
    let mut annotations = json!({
        "io.katacontainers.pkg.oci.bundle_path": "/run/containerd/x",
        "io.katacontainers.pkg.oci.container_type": if name.is_some() { "pod_container" } else { "pod_sandbox" },
        "io.kubernetes.cri.container-type": kind,
        "io.kubernetes.cri.sandbox-id": SANDBOX,
        "io.kubernetes.cri.sandbox-name": "web-5d4f8c7b9-x2k4z",
        "io.kubernetes.cri.sandbox-namespace": "shop",
        "io.kubernetes.cri.sandbox-uid": "01234567-89ab-cdef-0123-456789abcdef",
    });
    if let Some(name) = name {
        annotations["io.kubernetes.cri.container-name"] = json!(name);
        annotations["io.kubernetes.cri.image-name"] = json!(source);
    }
    let metadata = json!({"metadata": annotations}).to_string();
    let root = format!("/run/kata-containers/{id}/rootfs");
    let image = with(
        storage("image_guest_pull"),
        json!({
            "fstype": "overlay", "source": source, "mount_point": root,
            "driver_options": [format!("image_guest_pull={metadata}")],
        }),
    );
    let list = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
    json!({
        "container_id": id, "exec_id": id, "string_user": null, "devices": [], "storages": [image],
        "sandbox_pidns": false, "shared_mounts": [], "stdin_port": null, "stdout_port": null, "stderr_port": null,
        "OCI": {
            "Version": "1.1.0", "Hostname": "", "Hooks": null, "Solaris": null, "Windows": null,
            "Annotations": annotations,
            "Root": {"Path": root, "Readonly": name.is_none()},
            "Process": {
                "Terminal": false, "ConsoleSize": null, "Args": [], "Env": [], "Cwd": "/",
                "User": {"UID": 0, "GID": 0, "AdditionalGids": [], "Username": ""},
                "Capabilities": {
                    "Bounding": capabilities, "Effective": capabilities, "Permitted": capabilities,
                    "Inheritable": [], "Ambient": [],
                },
                "Rlimits": [], "NoNewPrivileges": !privileges, "ApparmorProfile": "", "OOMScoreAdj": 1000,
                "SelinuxLabel": "",
            },
            "Mounts": [
                mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
                mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
                mount("/dev/pts", "devpts", "devpts",
                    &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
                mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
                mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
                mount("/dev/shm", "bind", "/run/kata-containers/sandbox/shm", &["rbind"]),
            ],
            "Linux": {
                "UIDMappings": [], "GIDMappings": [],
                "Sysctl": {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"},
                "Resources": {
                    "Devices": [], "Memory": null, "CPU": {"Shares": 2}, "Pids": null, "BlockIO": null,
                    "HugepageLimits": [], "Network": null,
                },
                "CgroupsPath": "/kubepods/besteffort/pod0/x",
                "Namespaces": [
                    {"Type": "ipc", "Path": ""}, {"Type": "uts", "Path": ""}, {"Type": "mount", "Path": ""},
                ],
                "Devices": [], "Seccomp": null, "RootfsPropagation": "", "MountLabel": "", "IntelRdt": null,
                "MaskedPaths": list("/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list \
                     /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap"),
                "ReadonlyPaths": list("/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger"),
            },
        },
    })
}

pub(crate) fn create_pause() -> Value {
    let mut request = create(SANDBOX, "sandbox", None, "pause", false);
    request["OCI"]["Process"]["Args"] = json!(["/pause"]);
    request["OCI"]["Process"]["User"] =
        json!({"UID": 65535, "GID": 65535, "AdditionalGids": [65535], "Username": ""});
    request["OCI"]["Process"]["Env"] =
        json!(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
    request
}

pub(crate) fn create_web(id: &str) -> Value {
    let mut request = create(id, "container", Some("web"), &format!("example.com/web@{DIGEST}"), true);
    let process = &mut request["OCI"]["Process"];
    process["Args"] = json!(["/bin/web", "--name=web-5d4f8c7b9-x2k4z", "--cost=$5"]);
    process["Env"] = json!([
        "PATH=/bin",
        "HOSTNAME=web-5d4f8c7b9-x2k4z",
        "A=b=c",
        "NAME=web-5d4f8c7b9-x2k4z",
        "KUBERNETES_SERVICE_HOST=10.96.0.1",
        "KUBERNETES_SERVICE_PORT=443",
        "KUBERNETES_SERVICE_PORT_HTTPS=443",
        "KUBERNETES_PORT=tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP_PROTO=tcp",
        "KUBERNETES_PORT_443_TCP_PORT=443",
        "KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1",
    ]);
    let block = "/run/kata-containers/sandbox/storage/MDEvMDI=";
    let rw = ["rbind", "rprivate", "rw"];
    request["OCI"]["Mounts"].as_array_mut().unwrap().extend([
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", "ro", "nsdelegate"],
        ),
        shared(id, "/etc/hosts", "rw"),
        shared(id, "/etc/hostname", "rw"),
        shared(id, "/etc/resolv.conf", "rw"),
        shared(id, "/dev/termination-log", "rw"),
        shared(id, "/etc/web", "ro"),
        mount("/data", "bind", block, &rw),
        mount("/memory", "bind", "/run/kata-containers/sandbox/ephemeral/memory", &rw),
    ]);
    request["storages"].as_array_mut().unwrap().extend([
        with(storage("blk"), json!({
            "driver_options": ["create-filesystem=true", "encryption_key=ephemeral"], "source": "01/02",
            "fstype": "ext4", "mount_point": block, "shared": true,
        })),
        with(storage("ephemeral"), json!({
            "source": "tmpfs", "fstype": "tmpfs", "mount_point": "/run/kata-containers/sandbox/ephemeral/memory",
        })),
    ]);
    sort_mounts(&mut request);
    request
}

/// As containerd does: what it makes itself, and then the others by the depth of their place.
pub(crate) fn sort_mounts(request: &mut Value) {
    let mounts = request["OCI"]["Mounts"].as_array_mut().unwrap();
    mounts.sort_by_key(|mount| match mount["type_"].as_str() {
        Some("bind") => mount["destination"].as_str().unwrap().split('/').count(),
        _ => 0,
    });
}

/// An agent whose sandbox is there.
pub(crate) fn begun() -> Agent {
    begun_with(generate(spec()).unwrap().text(), &create_pause())
}

/// The same for a policy of its own.
pub(crate) fn begun_with(policy: &str, pause: &Value) -> Agent {
    let mut agent = Agent::load(policy);
    assert!(agent.allows("CreateSandboxRequest", &create_sandbox()));
    assert_eq!(agent.failed(pause), [""; 0]);
    assert!(agent.allows("CreateContainerRequest", pause));
    agent
}
