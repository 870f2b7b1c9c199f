//! The volume with a pod's certificates, key and secret.

use serde_json::{Value, json};

use super::{Fault, Key, container::list};

/// Its name.
pub(super) const VOLUME: &str = "contrast-tls-certs";
/// Where containers find it.
pub(super) const FOLDER: &str = "/tls-config";

/// The mount of the volume.
pub(super) fn mount() -> Value {
    json!({ "name": VOLUME, "mountPath": FOLDER })
}

/// Adds a volume in memory, unless there is one of this name; it has to be empty at first.
pub(super) fn add(template: &mut Value, name: &str) -> Result<(), Fault> {
    let volumes = list(template, "volumes")?;
    let found = volumes.iter().position(|volume| volume.get("name").and_then(Value::as_str) == Some(name));
    let Some(index) = found else {
        volumes.push(json!({ "name": name, "emptyDir": { "medium": "Memory" } }));
        return Ok(());
    };
    if volumes.get(index).is_some_and(|volume| volume.get("emptyDir").is_some()) {
        return Ok(());
    }
    let path =
        ["spec", "volumes"].map(|key| Key::Member(key.to_owned())).into_iter().chain([Key::Item(index)]);
    let message =
        format!("the volume `{name}` has to be an `emptyDir`; make it one, or give it another name");
    Err(Fault { path: path.collect(), message })
}

/// Shows the volume to all containers that do not have it yet.
pub(super) fn mount_into_all(template: &mut Value) -> Result<(), Fault> {
    for name in ["initContainers", "containers"] {
        for container in list(template, name)? {
            let Some(container) = container.as_object_mut() else { continue };
            let mounts = container.entry("volumeMounts").or_insert_with(|| json!([]));
            if mounts.is_null() {
                *mounts = json!([]);
            }
            let Some(mounts) = mounts.as_array_mut() else { continue };
            if !mounts.iter().any(|mount| mount.get("name").and_then(Value::as_str) == Some(VOLUME)) {
                mounts.push(mount());
            }
        }
    }
    Ok(())
}
