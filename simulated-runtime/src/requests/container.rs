//! The request for a container.

use contrast_policy::{
    initdata,
    request::{Kind, MemberError, Request},
};
use serde_json::{Map, Value, json};

use super::{
    mounts::{Disks, mounts},
    spelling::{capitalised, text},
};
use crate::configuration::CONTAINER_TYPE;

/// What the runtime itself adds.
const KATA_CONTAINER_TYPE: &str = "io.katacontainers.pkg.oci.container_type";
const KATA_BUNDLE: &str = "io.katacontainers.pkg.oci.bundle_path";
/// Where containerd says which image it is.
const IMAGE_NAME: &str = "io.kubernetes.cri.image-name";

/// The request for a container, from its configuration, its identifier, the folder of its bundle, and what its volumes are.
///
/// # Errors
/// If the configuration has another form than the specification says.
pub fn create_container(
    config: &Value,
    id: &str,
    bundle: &str,
    disks: &mut dyn Disks,
) -> Result<Request, MemberError> {
    let annotations = annotations(config, bundle);
    let is_sandbox = annotations.get(CONTAINER_TYPE).is_some_and(|kind| kind == "sandbox");
    let image = if is_sandbox { "pause".to_owned() } else { text(annotations.get(IMAGE_NAME)) };
    let (mounts, storages) = mounts(config, id, disks);
    let linux = config.get("linux").unwrap_or(&Value::Null);
    let root = format!("/run/kata-containers/{id}/rootfs");
    let pull = json!({
        "driver": "image_guest_pull",
        "driver_options": [format!("image_guest_pull={}", json!({ "metadata": annotations }))],
        "source": image,
        "fstype": "overlay",
        "mount_point": root,
    });
    let members = json!({
        "container_id": id,
        "exec_id": id,
        "devices": block_devices(linux, disks),
        "storages": storages.into_iter().chain([pull]).collect::<Vec<_>>(),
        "OCI": {
            "Version": config.get("ociVersion"),
            "Process": process(config),
            "Root": { "Path": root, "Readonly": config.pointer("/root/readonly") == Some(&Value::Bool(true)) },
            "Hostname": text(config.get("hostname")),
            "Mounts": mounts,
            "Annotations": annotations,
            "Linux": in_guest(linux),
        },
        "sandbox_pidns": !is_sandbox && shares_processes(linux),
    });
    Request::read(Kind::CreateContainer, &members)
}

/// Those of containerd and the pod but the policy, and what the runtime adds.
fn annotations(config: &Value, bundle: &str) -> Map<String, Value> {
    let mut annotations = config.get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    for key in [initdata::ANNOTATION, initdata::POLICY_ANNOTATION] {
        annotations.remove(key);
    }
    let kind = match annotations.get(CONTAINER_TYPE).and_then(Value::as_str) {
        Some("sandbox") => "pod_sandbox",
        _ => "pod_container",
    };
    annotations.insert(KATA_CONTAINER_TYPE.to_owned(), json!(kind));
    annotations.insert(KATA_BUNDLE.to_owned(), json!(bundle));
    annotations
}

fn process(config: &Value) -> Value {
    let mut process = capitalised(config.get("process").unwrap_or(&Value::Null));
    if let Some(members) = process.as_object_mut() {
        members.insert("SelinuxLabel".to_owned(), json!(""));
    }
    process
}

/// The guest has namespaces, filters of system calls, and most limits of its own.
fn in_guest(linux: &Value) -> Value {
    let mut guest = capitalised(linux);
    let Some(members) = guest.as_object_mut() else { return guest };
    members.insert("Seccomp".to_owned(), Value::Null);
    members.insert("IntelRdt".to_owned(), Value::Null);
    members.insert("Resources".to_owned(), limits(linux));
    members.insert("Namespaces".to_owned(), namespaces(linux));
    guest
}

/// Of limits, only those of processors and memory go into the guest.
fn limits(linux: &Value) -> Value {
    match linux.get("resources") {
        None | Some(Value::Null) => Value::Null,
        Some(resources) => {
            let part = |name: &str| capitalised(resources.get(name).unwrap_or(&Value::Null));
            json!({ "CPU": part("cpu"), "Memory": part("memory") })
        }
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Namespaces of the guest are always new, and neither for the network nor for control groups or processes.
fn namespaces(linux: &Value) -> Value {
    let kind = |namespace: &Value| text(namespace.get("type"));
    let kept = list(linux, "namespaces")
        .map(kind)
        .filter(|kind| !["network", "cgroup", "pid"].contains(&kind.as_str()));
    kept.map(|kind| json!({ "Type": kind, "Path": "" })).collect()
}

/// Whether it joins the processes of others.
fn shares_processes(linux: &Value) -> bool {
    list(linux, "namespaces")
        .any(|namespace| text(namespace.get("type")) == "pid" && !text(namespace.get("path")).is_empty())
}

/// Block volumes, which the guest gets as devices of its own.
fn block_devices(linux: &Value, disks: &mut dyn Disks) -> Value {
    let blocks = list(linux, "devices").filter(|device| text(device.get("type")) == "b");
    blocks
        .map(|device| {
            json!({ "id": disks.device(device), "type_": "blk", "container_path": text(device.get("path")) })
        })
        .collect()
}
