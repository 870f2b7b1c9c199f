//! Mounts as the guest sees them, and the storages that they need.

use base64::{Engine as _, engine::general_purpose::URL_SAFE as BASE64_URL};
use serde_json::{Value, json};

use super::spelling::text;

const SHARED: &str = "/run/kata-containers/shared/containers";
/// The guest's shared memory of a pod.
pub(super) const SHARED_MEMORY: &str = "/run/kata-containers/sandbox/shm";

/// A volume of kind emptyDir.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Volume {
    /// In memory.
    Memory {
        /// Its name in the pod.
        name: String,
        /// The group that it belongs to.
        group: Option<u32>,
    },
    /// On a disk of its own.
    Disk {
        /// Where that is attached to the guest.
        address: String,
        /// The group that it belongs to.
        group: Option<u32>,
    },
}

/// What volumes of a pod are, and where its disks are attached. The same thing gets the same answer, as long as the pod lives.
pub trait Disks {
    /// The volume of kind emptyDir that a path of the node is; nothing if it is none.
    fn volume(&mut self, source: &str) -> Option<Volume>;

    /// Where a block device is attached, as it stands in the configuration.
    fn device(&mut self, device: &Value) -> String;
}

pub(super) fn mounts(config: &Value, id: &str, disks: &mut dyn Disks) -> (Vec<Value>, Vec<Value>) {
    let mut storages = Vec::new();
    let all = config.get("mounts").and_then(Value::as_array).into_iter().flatten().enumerate();
    let mounts = all.map(|(index, mount)| {
        let destination = text(mount.get("destination"));
        let source = text(mount.get("source"));
        if destination == "/dev/shm" && !source.contains("/kubernetes.io~") {
            // Whatever the node says, it is the guest's own.
            return json!({
                "destination": destination, "source": SHARED_MEMORY, "type_": "bind", "options": ["rbind"],
            });
        }
        let kind = text(mount.get("type"));
        let guest = if kind != "bind" || is_of_the_kernel(&source) {
            source
        } else if let Some(volume) = disks.volume(&source) {
            let (path, storage) = storage(&volume);
            storages.push(storage);
            path
        } else {
            let name = destination.rsplit('/').next().unwrap_or_default();
            format!("{SHARED}/{id}-{index:016x}-{name}")
        };
        let options = mount.get("options").and_then(Value::as_array).cloned().unwrap_or_default();
        json!({ "destination": destination, "source": guest, "type_": kind, "options": options })
    });
    (mounts.collect(), storages)
}

/// Where the guest has the volume, and what the agent does for that.
fn storage(volume: &Volume) -> (String, Value) {
    match volume {
        Volume::Disk { address, group } => {
            let path = format!("/run/kata-containers/sandbox/storage/{}", BASE64_URL.encode(address));
            let storage = json!({
                "driver": "blk", "source": address, "fstype": "ext4", "mount_point": path, "shared": true,
                "driver_options": ["create-filesystem=true", "encryption_key=ephemeral"],
                "fs_group": group.map(|group| json!({ "group_id": group })),
            });
            (path, storage)
        }
        Volume::Memory { name, group } => {
            let path = format!("/run/kata-containers/sandbox/ephemeral/{name}");
            let options: Vec<_> = group.map(|group| format!("fsgid={group}")).into_iter().collect();
            let storage = json!({
                "driver": "ephemeral", "source": "tmpfs", "fstype": "tmpfs", "mount_point": path,
                "options": options,
            });
            (path, storage)
        }
    }
}

/// Whether a path is the same in the guest as on the node.
fn is_of_the_kernel(path: &str) -> bool {
    ["/dev/", "/sys/", "/proc/"].iter().any(|folder| path.starts_with(folder))
}
