//! The OCI runtime specification as the agent receives it: members of the specification with capitalised names, except in
//! mounts.
//!
//! Source: OCI runtime specification, `config.md` and `config-linux.md`; `agent.proto` and `oci.proto` of Kata Containers
//! for the spelling.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a container is started with.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Spec {
    /// Version of the specification, such as `1.2.1`.
    pub version: String,
    /// The first process. Always there for containers of Kubernetes.
    pub process: Option<Process>,
    /// The root file system.
    pub root: Option<Root>,
    /// Host name; only the sandbox has one.
    pub hostname: String,
    /// Mounts in the container, in the order in which they are made.
    pub mounts: Vec<Mount>,
    /// Programs that run when the container changes its state.
    pub hooks: Option<Hooks>,
    /// What the container runtime says about the container.
    pub annotations: BTreeMap<String, String>,
    /// What is special to Linux.
    pub linux: Option<Linux>,
    /// Never set for Linux guests.
    pub solaris: Option<Value>,
    /// Never set for Linux guests.
    pub windows: Option<Value>,
}

/// A process.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Process {
    /// Whether it has a terminal.
    pub terminal: bool,
    /// Size of that terminal, in characters.
    pub console_size: Option<ConsoleSize>,
    /// As whom it runs.
    pub user: Option<User>,
    /// Program and arguments.
    pub args: Vec<String>,
    /// Variables as `NAME=value`.
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Linux capabilities.
    pub capabilities: Option<Capabilities>,
    /// Limits of resources.
    pub rlimits: Vec<Rlimit>,
    /// Whether it can never gain privileges.
    pub no_new_privileges: bool,
    /// `AppArmor` profile.
    pub apparmor_profile: String,
    /// How soon the kernel ends it for want of memory.
    #[serde(rename = "OOMScoreAdj")]
    pub oom_score_adj: i64,
    /// `SELinux` label.
    pub selinux_label: String,
}

/// Size of a terminal.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConsoleSize {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

/// User and groups of a process.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct User {
    /// User.
    #[serde(rename = "UID")]
    pub uid: u32,
    /// Primary group.
    #[serde(rename = "GID")]
    pub gid: u32,
    /// Further groups.
    pub additional_gids: Vec<u32>,
    /// Name of the user; only set for Windows.
    pub username: String,
}

/// The five sets of capabilities, by name, with or without `CAP_`.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Capabilities {
    /// Most that the process can ever have.
    pub bounding: Vec<String>,
    /// In force.
    pub effective: Vec<String>,
    /// Kept by programs that the process starts.
    pub inheritable: Vec<String>,
    /// What the process may put in force.
    pub permitted: Vec<String>,
    /// Kept by unprivileged programs.
    pub ambient: Vec<String>,
}

/// A limit of a resource.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Rlimit {
    /// Such as `RLIMIT_NOFILE`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Most that the process may set.
    pub hard: u64,
    /// In force.
    pub soft: u64,
}

/// The root file system of a container.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Root {
    /// Path in the guest.
    pub path: String,
    /// Whether it is read-only.
    pub readonly: bool,
}

/// A mount in the container. Its names are in lower case, other than those around it.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// Path in the container.
    pub destination: String,
    /// What is mounted: a path in the guest, or the name of a file system.
    pub source: String,
    /// File system, or `bind`.
    #[serde(rename = "type_")]
    pub kind: String,
    /// Options, in order.
    pub options: Vec<String>,
}

/// Programs that run when the container changes its state.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Hooks {
    /// Before the process starts (old form).
    pub prestart: Vec<Hook>,
    /// After it started.
    pub poststart: Vec<Hook>,
    /// After the container was deleted.
    pub poststop: Vec<Hook>,
    /// While the container is made, outside of it.
    pub create_runtime: Vec<Hook>,
    /// While the container is made, inside of it.
    pub create_container: Vec<Hook>,
    /// Before the process starts, inside of it.
    pub start_container: Vec<Hook>,
}

/// One such program.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Hook {
    /// The program.
    pub path: String,
    /// Its arguments, with its name.
    pub args: Vec<String>,
    /// Its variables.
    pub env: Vec<String>,
    /// Seconds until it is ended.
    pub timeout: i64,
}

/// What is special to Linux.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Linux {
    /// Mapping of users.
    #[serde(rename = "UIDMappings")]
    pub uid_mappings: Vec<IdMapping>,
    /// Mapping of groups.
    #[serde(rename = "GIDMappings")]
    pub gid_mappings: Vec<IdMapping>,
    /// Kernel parameters.
    pub sysctl: BTreeMap<String, String>,
    /// Limits by control group.
    pub resources: Option<Resources>,
    /// Path of the control group.
    pub cgroups_path: String,
    /// Namespaces, in order.
    pub namespaces: Vec<Namespace>,
    /// Device nodes that are made in the container.
    pub devices: Vec<LinuxDevice>,
    /// Filter of system calls.
    pub seccomp: Option<Value>,
    /// How mounts below the root are shared.
    pub rootfs_propagation: String,
    /// Paths that are hidden.
    pub masked_paths: Vec<String>,
    /// Paths that are read-only.
    pub readonly_paths: Vec<String>,
    /// `SELinux` label of mounts.
    pub mount_label: String,
    /// Class of Intel's resource director.
    pub intel_rdt: Option<Value>,
}

/// A range of user or group numbers, outside and inside.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct IdMapping {
    /// First number outside.
    #[serde(rename = "HostID")]
    pub host: u32,
    /// First number inside.
    #[serde(rename = "ContainerID")]
    pub container: u32,
    /// How many numbers.
    #[serde(rename = "Size")]
    pub size: u32,
}

/// A namespace.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Namespace {
    /// Such as `network`, `ipc`; `mount` may be `mnt`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// An existing namespace, or empty for a new one.
    pub path: String,
}

/// A device node.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LinuxDevice {
    /// Path in the container.
    pub path: String,
    /// `c`, `b`, `u` or `p`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Major number.
    pub major: i64,
    /// Minor number.
    pub minor: i64,
    /// Permission bits.
    pub file_mode: u32,
    /// Owner.
    #[serde(rename = "UID")]
    pub uid: u32,
    /// Group.
    #[serde(rename = "GID")]
    pub gid: u32,
}

/// Limits by control group.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Resources {
    /// Devices that may be used.
    pub devices: Vec<DeviceCgroup>,
    /// Memory.
    pub memory: Option<Memory>,
    /// Processors.
    #[serde(rename = "CPU")]
    pub cpu: Option<Cpu>,
    /// Processes.
    pub pids: Option<Pids>,
    /// Block devices.
    #[serde(rename = "BlockIO")]
    pub block_io: Option<Value>,
    /// Huge pages.
    pub hugepage_limits: Vec<HugepageLimit>,
    /// Network.
    pub network: Option<Value>,
}

/// Which devices may be used.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceCgroup {
    /// Whether they may.
    pub allow: bool,
    /// `a`, `b` or `c`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Major number.
    pub major: i64,
    /// Minor number.
    pub minor: i64,
    /// Of `r`, `w` and `m`.
    pub access: String,
}

/// Memory, in bytes.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Memory {
    /// Most.
    pub limit: i64,
    /// Most when memory is scarce.
    pub reservation: i64,
    /// Most, with swap.
    pub swap: i64,
    /// Most for the kernel.
    pub kernel: i64,
    /// Most for buffers of TCP.
    #[serde(rename = "KernelTCP")]
    pub kernel_tcp: i64,
    /// How readily it is swapped out, 0 to 100.
    pub swappiness: u64,
    /// Whether processes wait for memory instead of being ended.
    #[serde(rename = "DisableOOMKiller")]
    pub disable_oom_killer: bool,
}

/// Processors.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Cpu {
    /// Weight beside others.
    pub shares: u64,
    /// Microseconds of each period.
    pub quota: i64,
    /// Microseconds.
    pub period: u64,
    /// Microseconds of each real-time period.
    pub realtime_runtime: i64,
    /// Microseconds.
    pub realtime_period: u64,
    /// Which processors.
    pub cpus: String,
    /// Which nodes of memory.
    pub mems: String,
}

/// Processes.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Pids {
    /// Most.
    pub limit: i64,
}

/// Huge pages of one size.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HugepageLimit {
    /// Such as `2MB`.
    pub pagesize: String,
    /// Bytes.
    pub limit: u64,
}
