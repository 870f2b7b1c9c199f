//! Requests about containers and their processes.

use serde::{Deserialize, Serialize};

use super::oci::{Process, Resources, Spec};

/// Make the virtual machine's sandbox.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateSandbox {
    /// Host name of the pod.
    pub hostname: String,
    /// Lines of `/etc/resolv.conf`.
    pub dns: Vec<String>,
    /// What is mounted for the whole pod.
    pub storages: Vec<Storage>,
    /// Whether all containers share one process namespace.
    pub sandbox_pidns: bool,
    /// The runtime's name of the sandbox.
    pub sandbox_id: String,
    /// Folder of the guest with hooks that run for every container.
    pub guest_hook_path: String,
    /// Kernel modules to load.
    pub kernel_modules: Vec<KernelModule>,
}

/// A kernel module.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelModule {
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub parameters: Vec<String>,
}

/// Make a container.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateContainer {
    /// The runtime's name of the container.
    pub container_id: String,
    /// The runtime's name of its first process: the same.
    pub exec_id: String,
    /// User and groups by name.
    pub string_user: Option<StringUser>,
    /// Devices that are added to the container.
    pub devices: Vec<Device>,
    /// What is mounted for the container before it is made.
    pub storages: Vec<Storage>,
    /// The container.
    #[serde(rename = "OCI")]
    pub oci: Option<Spec>,
    /// Whether it shares the sandbox's process namespace.
    pub sandbox_pidns: bool,
    /// Mounts of other containers that it shares.
    pub shared_mounts: Vec<SharedMount>,
    /// Port of the process's input; 0 for none.
    #[serde(deserialize_with = "super::or_default")]
    pub stdin_port: u32,
    /// Port of the process's output; 0 for none.
    #[serde(deserialize_with = "super::or_default")]
    pub stdout_port: u32,
    /// Port of the process's errors; 0 for none.
    #[serde(deserialize_with = "super::or_default")]
    pub stderr_port: u32,
}

/// User and groups by name.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct StringUser {
    /// User.
    pub uid: String,
    /// Primary group.
    pub gid: String,
    /// Further groups.
    #[serde(rename = "additionalGids")]
    pub additional_gids: Vec<String>,
}

/// A device that is added to a container.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// How the agent finds it.
    pub id: String,
    /// Such as `blk` or `vfio-pci-gk`.
    #[serde(rename = "type_")]
    pub kind: String,
    /// Path in the guest.
    pub vm_path: String,
    /// Path in the container.
    pub container_path: String,
    /// How to set it up.
    pub options: Vec<String>,
}

/// Something that the agent mounts.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Storage {
    /// How it is mounted: `blk`, `scsi`, `ephemeral`, `local`, `overlayfs`, `image_guest_pull`, …
    pub driver: String,
    /// Options of that way.
    pub driver_options: Vec<String>,
    /// Device, path, or reference of an image.
    pub source: String,
    /// File system.
    pub fstype: String,
    /// Options of the mount, in order.
    pub options: Vec<String>,
    /// Path in the guest.
    pub mount_point: String,
    /// Group that owns it.
    pub fs_group: Option<FsGroup>,
    /// Whether several containers use it.
    pub shared: bool,
}

/// Group that owns a storage.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct FsGroup {
    /// Group.
    pub group_id: u32,
    /// 0: always changed; 1: only if the root does not have it.
    pub group_change_policy: u32,
}

/// A mount of another container.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SharedMount {
    /// Its name.
    pub name: String,
    /// The other container.
    pub src_ctr: String,
    /// Path in it.
    pub src_path: String,
    /// This container.
    pub dst_ctr: String,
    /// Path in it.
    pub dst_path: String,
}

/// Start a further process in a container.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecProcess {
    /// The container.
    pub container_id: String,
    /// The runtime's name of the process.
    pub exec_id: String,
    /// User and groups by name.
    pub string_user: Option<StringUser>,
    /// The process.
    pub process: Option<Process>,
    /// Port of the process's input; 0 for none.
    #[serde(deserialize_with = "super::or_default")]
    pub stdin_port: u32,
    /// Port of the process's output; 0 for none.
    #[serde(deserialize_with = "super::or_default")]
    pub stdout_port: u32,
    /// Port of the process's errors; 0 for none.
    #[serde(deserialize_with = "super::or_default")]
    pub stderr_port: u32,
}

/// A container, and nothing else.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// The runtime's name of the container.
    pub container_id: String,
}

/// Remove a container.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoveContainer {
    /// The runtime's name of the container.
    pub container_id: String,
    /// Seconds to wait for its end.
    pub timeout: u32,
}

/// Send a signal.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SignalProcess {
    /// The container.
    pub container_id: String,
    /// The process; empty for all.
    pub exec_id: String,
    /// Number of the signal.
    pub signal: u32,
}

/// A process of a container, and nothing else.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct InContainer {
    /// The container.
    pub container_id: String,
    /// The process.
    pub exec_id: String,
}

/// Read what a process wrote.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadStream {
    /// The container.
    pub container_id: String,
    /// The process.
    pub exec_id: String,
    /// Most bytes.
    pub len: u32,
}

/// Write to a process.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct WriteStream {
    /// The container.
    pub container_id: String,
    /// The process.
    pub exec_id: String,
    /// What is written.
    pub data: Vec<u8>,
}

/// Change the size of a terminal.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct TtyWinResize {
    /// The container.
    pub container_id: String,
    /// The process.
    pub exec_id: String,
    /// Rows.
    pub row: u32,
    /// Columns.
    pub column: u32,
}

/// Change the limits of a container.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateContainer {
    /// The container.
    pub container_id: String,
    /// Its limits.
    pub resources: Option<Resources>,
}

/// Mount ephemeral volumes anew.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateEphemeralMounts {
    /// What is mounted.
    pub storages: Vec<Storage>,
}

/// Read something for the search of faults.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GetDiagnosticData {
    /// What: only `termination_log` exists.
    pub log_type: String,
    /// The container.
    pub container_id: String,
}
