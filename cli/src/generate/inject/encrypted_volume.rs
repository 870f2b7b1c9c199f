//! An encrypted volume: a block device that the Initializer opens, and shows to other containers.

use serde_json::{Value, json};

use super::{
    Fault, Key,
    annotations::{EncryptedVolume, SECURE_VOLUME_KEY},
    container::{memory, set},
    staying, volumes,
};

/// The variable that tells the Initializer about the device.
pub(super) const DEVICE: &str = "CRYPTSETUP_DEVICE";
/// The device and the mount point in the Initializer.
const DEVICE_PATH: &str = "/dev/csi0";
const MOUNT_POINT: &str = "/state";

/// Gives the Initializer what it needs for the volume. It then stays for as long as the pod does. `claims`: names of volumes that a
/// StatefulSet claims for each pod.
pub(super) fn put(
    template: &mut Value,
    initializer: &mut Value,
    volume: &EncryptedVolume,
    claims: &[String],
) -> Result<(), Fault> {
    check_device(template, &volume.device, claims)?;
    staying::keep_open(initializer);
    volumes::add(template, &volume.mount)?;
    let Some(initializer) = initializer.as_object_mut() else { return Ok(()) };
    let mut add = |list: &str, item: Value| {
        if let Some(items) = initializer.entry(list).or_insert_with(|| json!([])).as_array_mut() {
            items.push(item);
        }
    };
    add("env", json!({ "name": DEVICE, "value": DEVICE_PATH }));
    add("volumeDevices", json!({ "name": volume.device, "devicePath": DEVICE_PATH }));
    add(
        "volumeMounts",
        json!({ "name": volume.mount, "mountPath": MOUNT_POINT, "mountPropagation": "Bidirectional" }),
    );
    let context = initializer.entry("securityContext").or_insert_with(|| json!({}));
    set(context, "privileged", true.into());
    initializer.insert("resources".to_owned(), memory("100Mi"));
    Ok(())
}

/// The device is a volume of the pod of the right kind, or a claim that a StatefulSet makes for each pod.
fn check_device(template: &Value, device: &str, claims: &[String]) -> Result<(), Fault> {
    const KINDS: [&str; 3] = ["persistentVolumeClaim", "iscsi", "ephemeral"];
    let volumes =
        template.pointer("/spec/volumes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let found = volumes.iter().position(|volume| volume.get("name").and_then(Value::as_str) == Some(device));
    let is_right = |volume: &Value| KINDS.iter().any(|kind| volume.get(kind).is_some());
    match found {
        Some(index) if volumes.get(index).is_some_and(is_right) => Ok(()),
        Some(index) => {
            let path = ["spec", "volumes"].map(|key| Key::Member(key.to_owned()));
            let message =
                format!("the encrypted volume's device `{device}` has to be one of: {}", KINDS.join(", "));
            Err(Fault { path: path.into_iter().chain([Key::Item(index)]).collect(), message })
        }
        None if claims.iter().any(|claim| claim == device) => Ok(()),
        None => {
            let message = format!(
                "there is no volume `{device}` for the encrypted volume of annotation {SECURE_VOLUME_KEY}; add it to `volumes`, or correct the name"
            );
            Err(Fault::new(&["metadata", "annotations", SECURE_VOLUME_KEY], message))
        }
    }
}
