//! What differs between nodes, and what a user may decide.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::data::Storage;

/// What differs between nodes, and what a user may decide. The default fits a node with Kata Containers that pulls images in the
/// guest, with containerd from 1.6 on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The host may read the output of all containers. Otherwise it reads that of the Initializer and of the service mesh alone,
    /// which have nothing to hide.
    pub logs: bool,
    /// Values of Secrets that are used as variables may stand in the policy, which the host reads.
    pub secrets_in_policy: bool,
    /// Images are pulled in the guest, so that the node never sees their users and groups. Otherwise the node shows their layers to
    /// the guest as devices, which are checked by dm-verity.
    pub guest_pull: bool,
    /// The node looks up in images who their users are and what groups they have, though the guest pulls them. So does the simulated
    /// platform, whose guest is the node.
    pub users_of_images: bool,
    /// A container's root in the guest: a pattern whose first group is the container's identifier.
    pub root: String,
    /// Versions of the OCI runtime specification that the node's container runtime may say.
    pub runtime_versions: BTreeSet<String>,
    /// Capabilities of a container that asks for none, without their prefix.
    pub capabilities: BTreeSet<String>,
    /// Capabilities of a privileged container.
    pub privileged_capabilities: BTreeSet<String>,
    /// Kernel settings that the container runtime may add, where the pod has a network of its own.
    pub sysctls: BTreeMap<String, String>,
    /// Paths that are hidden from containers, unless privileged.
    pub masked_paths: Vec<String>,
    /// Paths that are read-only (or hidden) for containers, unless privileged.
    pub readonly_paths: Vec<String>,
    /// Storages of the sandbox.
    pub sandbox_storages: Vec<Storage>,
    /// The command of the sandbox's container.
    pub pause_command: Vec<String>,
    /// The node's pause image, by its digest, where layers are devices of the node.
    pub pause_image: Option<String>,
    /// User and group of the node's pause image, for the sandbox of a pod that names none.
    pub pause_user: u32,
    /// Volumes of kind emptyDir are block devices that the guest encrypts; otherwise they are folders that the host reads.
    pub encrypted_empty_dirs: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let list = |names: &str| names.split_whitespace().map(str::to_owned).collect();
        Self {
            logs: false,
            secrets_in_policy: false,
            guest_pull: true,
            users_of_images: false,
            root: "^/run/kata-containers/([0-9a-f]{64})/rootfs$".to_owned(),
            runtime_versions: ["1.0.2-dev", "1.1.0", "1.2.0", "1.2.1", "1.3.0"].map(str::to_owned).into(),
            capabilities: list_of(CAPABILITIES),
            privileged_capabilities: list_of(CAPABILITIES)
                .into_iter()
                .chain(list_of(MORE_CAPABILITIES))
                .collect(),
            sysctls: [
                ("net.ipv4.ip_unprivileged_port_start", "0"),
                ("net.ipv4.ping_group_range", "0 2147483647"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            masked_paths: list(
                "/proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats \
                 /proc/sched_debug /proc/scsi /sys/firmware",
            ),
            readonly_paths: list("/proc/asound /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger"),
            sandbox_storages: vec![Storage {
                driver: "ephemeral".to_owned(),
                source: "shm".to_owned(),
                fstype: "tmpfs".to_owned(),
                options: list("noexec nosuid nodev mode=1777 size=67108864"),
                mount_point: SHARED_MEMORY.to_owned(),
                ..Storage::default()
            }],
            pause_command: vec!["/pause".to_owned()],
            pause_image: None,
            pause_user: 65535,
            encrypted_empty_dirs: true,
        }
    }
}

/// Settings with which a policy would refuse every node, or not say what it seems to.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum SettingsFault {
    /// The pattern of roots.
    #[error(
        "`root` must be a regular expression from `^` to `$` without `|`, with one group for the container's identifier, and {0:?} is not"
    )]
    Root(String),
    /// The name of a capability.
    #[error("{0:?} is no capability; write it in capital letters and without `CAP_`, such as NET_ADMIN")]
    Capability(String),
}

impl Settings {
    /// What is wrong with them, beyond their form.
    ///
    /// # Errors
    /// The first such fault.
    pub fn check(&self) -> Result<(), SettingsFault> {
        let root = self.root.as_str();
        let groups = Regex::new(root).map_or(0, |pattern| pattern.captures_len());
        if groups != 2 || !root.starts_with('^') || !root.ends_with('$') || root.contains('|') {
            return Err(SettingsFault::Root(root.to_owned()));
        }
        let is_known = |name: &&String| {
            !name.starts_with("CAP_") && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        match self.capabilities.union(&self.privileged_capabilities).find(|name| !is_known(name)) {
            Some(other) => Err(SettingsFault::Capability(other.clone())),
            None => Ok(()),
        }
    }

    /// For a node of the simulated platform, which sends what a guest that pulls images would be asked for, and has the images itself.
    #[must_use]
    pub fn of_simulation() -> Self {
        Self { users_of_images: true, ..Self::default() }
    }

    /// For a node that shows the layers of images to the guest (`aks-clh-snp`), and volumes of kind emptyDir as its own folders.
    #[must_use]
    pub fn of_layers() -> Self {
        Self {
            guest_pull: false,
            root: "^/run/kata-containers/shared/containers/([0-9a-f]{64})/rootfs$".to_owned(),
            encrypted_empty_dirs: false,
            ..Self::default()
        }
    }
}

/// The sandbox's shared memory in the guest.
pub(crate) const SHARED_MEMORY: &str = "/run/kata-containers/sandbox/shm";

/// What containerd gives by default.
const CAPABILITIES: &str = "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP \
     SETUID SYS_CHROOT";
/// The others (capabilities(7)).
const MORE_CAPABILITIES: &str = "AUDIT_CONTROL AUDIT_READ BLOCK_SUSPEND BPF CHECKPOINT_RESTORE DAC_READ_SEARCH IPC_LOCK IPC_OWNER LEASE \
     LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE NET_ADMIN NET_BROADCAST PERFMON SYSLOG SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE SYS_PACCT \
     SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM";

fn list_of(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_refuse_every_node_or_bind_nothing_is_a_fault() {
        assert_eq!(Settings::default().check(), Ok(()));
        assert_eq!(Settings::of_layers().check(), Ok(()));
        for root in ["", "(", "^/x$", "/run/([a-z]+)", "^/run/([a-z]+)", "^/a/([a-z]+)$|^/b$", "^/(a)/(b)$"] {
            let settings = Settings { root: root.to_owned(), ..Settings::default() };
            assert_eq!(settings.check(), Err(SettingsFault::Root(root.to_owned())));
        }
        for name in ["CAP_KILL", "kill", "NET-ADMIN"] {
            let capabilities = BTreeSet::from([name.to_owned()]);
            let settings = Settings { capabilities, ..Settings::default() };
            assert_eq!(settings.check(), Err(SettingsFault::Capability(name.to_owned())));
        }
    }
}
