//! What a machine must permit.

use std::{fmt, fs, os::unix::fs::MetadataExt as _, path::Path, process::Stdio};

use crate::{process, setup};

/// Why there can be no cluster on this machine.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// Not Linux on a 64-bit PC, for which everything here is made.
    OtherMachine,
    NotRoot,
    NoNamespaces,
    NoCgroups,
    /// Programs cannot be installed.
    NoApt,
}

/// What keeps this machine from running a cluster, if anything.
pub(crate) fn obstacle() -> Option<Obstacle> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some(Obstacle::OtherMachine);
    }
    // The owner of a process's folder is its effective user.
    if !fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0) {
        return Some(Obstacle::NotRoot);
    }
    if !setup::in_path("apt-get") {
        return Some(Obstacle::NoApt);
    }
    let mut probe = process::program("unshare");
    probe.args(["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--mount-proc"]);
    probe.args(["sh", "-c", "mount -t tmpfs tmpfs /mnt && mkdir /mnt/sys && mount -t sysfs sysfs /mnt/sys"]);
    if !probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return Some(Obstacle::NoNamespaces);
    }
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    if has_controllers(&own) && Path::new("/proc/self/ns/cgroup").exists() {
        None
    } else {
        Some(Obstacle::NoCgroups)
    }
}

/// Whether there are the hierarchies of cgroups(7) version 1 that kubelet asks for.
fn has_controllers(own: &str) -> bool {
    let mounted: Vec<&str> =
        own.lines().filter_map(|line| line.split(':').nth(1)).flat_map(|list| list.split(',')).collect();
    ["cpu", "cpuacct", "cpuset", "memory", "pids"].iter().all(|needed| mounted.contains(needed))
}

impl Obstacle {
    /// What to do next.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::OtherMachine => "use a Linux machine with an x86-64 processor.",
            Self::NotRoot => "repeat the command as root.",
            Self::NoNamespaces => "in a container, it has to be a privileged one.",
            Self::NoCgroups => {
                "use a machine that is started with systemd.unified_cgroup_hierarchy=0, or without systemd."
            }
            Self::NoApt => "use Debian 12.",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherMachine => "this is not Linux on x86-64",
            Self::NotRoot => "only root can make a node",
            Self::NoNamespaces => "this root may not make namespaces and mounts (CAP_SYS_ADMIN)",
            Self::NoCgroups => {
                "the node needs cgroups of version 1 with the controllers cpu, cpuset, memory and pids"
            }
            Self::NoApt => "the node is made of Debian's packages, and there is no apt-get",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_version_2_alone_lacks_controllers() {
        assert!(!has_controllers("0::/user.slice\n"));
        assert!(has_controllers(
            "5:pids:/\n4:memory:/a\n3:cpuset:/\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n"
        ));
    }
}
