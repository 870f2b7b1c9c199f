//! What Kata's runtime makes of an OCI runtime configuration before it asks the agent for the container.
//!
//! The configuration is as containerd writes it; the node has guest pull, memory volumes in the guest, and other volumes
//! by shared files.

use base64::{Engine as _, engine::general_purpose::URL_SAFE as BASE64_URL};
use contrast_policy::request::{Kind, Request};
use serde_json::{Map, Value, json};

const SHARED: &str = "/run/kata-containers/shared/containers";
const CONTAINER_TYPE: &str = "io.kubernetes.cri.container-type";
/// What the runtime itself adds, and what it takes away.
const KATA_CONTAINER_TYPE: &str = "io.katacontainers.pkg.oci.container_type";
const KATA_BUNDLE: &str = "io.katacontainers.pkg.oci.bundle_path";
const POLICY_ANNOTATIONS: [&str; 2] =
    ["io.katacontainers.config.agent.policy", "io.katacontainers.config.hypervisor.cc_init_data"];

/// The request for a container, from its configuration, its identifier, and the pod as the API server shows it.
pub(crate) fn create_container(config: &Value, id: &str, pod: &Value) -> Request {
    let annotations = annotations(config, id);
    let kind = annotations.get(CONTAINER_TYPE).and_then(Value::as_str).unwrap_or_default();
    let image = match kind {
        "sandbox" => "pause".to_owned(),
        _ => text(annotations.get("io.kubernetes.cri.image-name")),
    };
    let (mounts, storages) = mounts(config, id, pod);
    let mut linux = capitalised(&config["linux"]);
    // The guest has namespaces, a network and limits of its own.
    for member in ["Seccomp", "IntelRdt"] {
        linux[member] = Value::Null;
    }
    linux["Resources"] = resources(&config["linux"]["resources"]);
    linux["Namespaces"] = namespaces(&config["linux"]["namespaces"]);
    let mut process = capitalised(&config["process"]);
    process["SelinuxLabel"] = json!("");
    let pull = json!({
        "driver": "image_guest_pull",
        "driver_options": [format!("image_guest_pull={}", json!({ "metadata": annotations }))],
        "source": image,
        "fstype": "overlay",
        "mount_point": format!("/run/kata-containers/{id}/rootfs"),
    });
    let members = json!({
        "container_id": id,
        "exec_id": id,
        "devices": devices(&config["linux"]["devices"]),
        "storages": storages.into_iter().chain([pull]).collect::<Vec<_>>(),
        "OCI": {
            "Version": config["ociVersion"],
            "Process": process,
            "Root": { "Path": format!("/run/kata-containers/{id}/rootfs"), "Readonly": config["root"]["readonly"] == true },
            "Hostname": text(config.get("hostname")),
            "Mounts": mounts,
            "Annotations": annotations,
            "Linux": linux,
        },
        "sandbox_pidns": kind != "sandbox" && pod["spec"]["shareProcessNamespace"] == true,
    });
    Request::read(Kind::CreateContainer, &members).unwrap()
}

/// The request for a further process, from its description.
pub(crate) fn exec_process(process: &Value, container: &str) -> Request {
    let mut process = capitalised(process);
    process["SelinuxLabel"] = json!("");
    process["Capabilities"] = Value::Null;
    let members = json!({ "container_id": container, "exec_id": "exec", "process": process });
    Request::read(Kind::ExecProcess, &members).unwrap()
}

fn annotations(config: &Value, id: &str) -> Map<String, Value> {
    let mut annotations = config["annotations"].as_object().cloned().unwrap_or_default();
    for key in POLICY_ANNOTATIONS {
        annotations.remove(key);
    }
    let kind = match annotations.get(CONTAINER_TYPE).and_then(Value::as_str) {
        Some("sandbox") => "pod_sandbox",
        _ => "pod_container",
    };
    annotations.insert(KATA_CONTAINER_TYPE.to_owned(), json!(kind));
    let bundle = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}");
    annotations.insert(KATA_BUNDLE.to_owned(), json!(bundle));
    annotations
}

/// Mounts as the guest sees them, and the storages that they need.
fn mounts(config: &Value, id: &str, pod: &Value) -> (Vec<Value>, Vec<Value>) {
    let mut storages = Vec::new();
    let mounts = config["mounts"].as_array().into_iter().flatten().enumerate().map(|(index, mount)| {
        let destination = text(mount.get("destination"));
        let source = text(mount.get("source"));
        if destination == "/dev/shm" && !source.contains("/kubernetes.io~") {
            // Whatever the node says, it is the guest's own.
            return json!({
                "destination": destination, "source": "/run/kata-containers/sandbox/shm", "type_": "bind",
                "options": ["rbind"],
            });
        }
        let guest = if mount["type"] != "bind" || is_of_the_kernel(&source) {
            source
        } else if let Some(volume) = empty_dir(&source, pod, false) {
            let address = format!("{:02x}", volume_number(&volume, pod));
            let place = BASE64_URL.encode(&address);
            let path = format!("/run/kata-containers/sandbox/storage/{place}");
            storages.push(json!({
                "driver": "blk", "source": address, "fstype": "ext4", "mount_point": path, "shared": true,
                "driver_options": ["create-filesystem=true", "encryption_key=ephemeral"],
                "fs_group": fs_group(pod),
            }));
            path
        } else if let Some(volume) = empty_dir(&source, pod, true) {
            let path = format!("/run/kata-containers/sandbox/ephemeral/{volume}");
            storages.push(json!({
                "driver": "ephemeral", "source": "tmpfs", "fstype": "tmpfs", "mount_point": path,
                "options": group_option(pod),
            }));
            path
        } else {
            let name = destination.rsplit('/').next().unwrap_or_default();
            format!("{SHARED}/{id}-{index:016x}-{name}")
        };
        json!({
            "destination": destination,
            "source": guest,
            "type_": mount["type"],
            "options": mount["options"].as_array().cloned().unwrap_or_default(),
        })
    });
    (mounts.collect(), storages)
}

/// Whether a path is the same in the guest as on the node.
fn is_of_the_kernel(path: &str) -> bool {
    ["/dev/", "/sys/", "/proc/"].iter().any(|folder| path.starts_with(folder))
}

/// The group that volumes of the pod belong to.
fn fs_group(pod: &Value) -> Value {
    match &pod["spec"]["securityContext"]["fsGroup"] {
        Value::Null => Value::Null,
        group => json!({ "group_id": group }),
    }
}

fn group_option(pod: &Value) -> Vec<String> {
    let group = pod["spec"]["securityContext"]["fsGroup"].as_u64();
    group.map(|group| format!("fsgid={group}")).into_iter().collect()
}

/// Of the device that a volume is.
fn volume_number(name: &str, pod: &Value) -> usize {
    let volumes = pod["spec"]["volumes"].as_array();
    volumes.into_iter().flatten().position(|volume| volume["name"] == name).unwrap_or_default() + 1
}

/// The name of the volume of kind emptyDir, in memory or as a block device, that a path of the node belongs to.
fn empty_dir(source: &str, pod: &Value, in_memory: bool) -> Option<String> {
    let (_, name) = source.split_once("/kubernetes.io~empty-dir/")?;
    let volumes = pod["spec"]["volumes"].as_array()?;
    let volume = volumes.iter().find(|volume| volume["name"] == name)?;
    let is_wanted = volume["emptyDir"].is_object() && (volume["emptyDir"]["medium"] == "Memory") == in_memory;
    is_wanted.then(|| name.to_owned())
}

/// Block volumes, which the guest gets as devices of its own.
fn devices(devices: &Value) -> Value {
    let blocks = devices.as_array().into_iter().flatten().filter(|device| device["type"] == "b");
    blocks.map(|device| json!({ "id": "01/02", "type_": "blk", "container_path": device["path"] })).collect()
}

/// Namespaces of the guest are always new, and neither for the network nor for control groups or processes.
fn namespaces(namespaces: &Value) -> Value {
    let kept = namespaces
        .as_array()
        .into_iter()
        .flatten()
        .filter(|namespace| !["network", "cgroup", "pid"].iter().any(|kind| namespace["type"] == *kind));
    kept.map(|namespace| json!({ "Type": namespace["type"], "Path": "" })).collect()
}

/// Of limits, only those of processors and memory go into the guest.
fn resources(resources: &Value) -> Value {
    if resources.is_null() {
        return Value::Null;
    }
    json!({ "CPU": capitalised(&resources["cpu"]), "Memory": capitalised(&resources["memory"]) })
}

/// The members of the specification with the agent's names. Maps with keys of any kind stay.
fn capitalised(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| match key.as_str() {
                "sysctl" => ("Sysctl".to_owned(), value.clone()),
                "uid" | "gid" | "cpu" => (key.to_uppercase(), capitalised(value)),
                "oomScoreAdj" => ("OOMScoreAdj".to_owned(), value.clone()),
                "uidMappings" => ("UIDMappings".to_owned(), capitalised(value)),
                "gidMappings" => ("GIDMappings".to_owned(), capitalised(value)),
                "kernelTCP" | "disableOOMKiller" | "hostID" | "containerID" => {
                    (first_upper(key), value.clone())
                }
                _ => (first_upper(key), capitalised(value)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(capitalised).collect(),
        _ => value.clone(),
    }
}

fn first_upper(key: &str) -> String {
    let mut characters = key.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
