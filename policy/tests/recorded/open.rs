//! Faults of recorded requests that rules let pass, and why.

use std::sync::LazyLock;

use contrast_policy::request::Kind;
use regex::Regex;
use serde_json::Value;

use crate::honest::Asked;

/// A fault that passes.
pub(crate) struct Open {
    /// Which request.
    kind: Kind,
    /// Whether it is only one of the sandbox, which does nothing.
    sandbox: bool,
    /// How it is called: what was done, to which member, and to which item.
    fault: &'static str,
    /// Why it passes.
    pub(crate) why: &'static str,
}

const fn create(fault: &'static str, why: &'static str) -> Open {
    Open { kind: Kind::CreateContainer, sandbox: false, fault, why }
}

const fn sandbox(fault: &'static str, why: &'static str) -> Open {
    Open { kind: Kind::CreateContainer, sandbox: true, fault, why }
}

const fn exec(fault: &'static str, why: &'static str) -> Open {
    Open { kind: Kind::ExecProcess, sandbox: false, fault, why }
}

const fn copy(fault: &'static str, why: &'static str) -> Open {
    Open { kind: Kind::CopyFile, sandbox: false, fault, why }
}

const fn interface(fault: &'static str, why: &'static str) -> Open {
    Open { kind: Kind::UpdateInterface, sandbox: false, fault, why }
}

const fn routes(fault: &'static str, why: &'static str) -> Open {
    Open { kind: Kind::UpdateRoutes, sandbox: false, fault, why }
}

const ANNOTATION: &str = "what decides is compared where it decides";
const HOST_NAME: &str = "the agent takes the host name from the sandbox";
const LIMITS: &str = "the host decides how much a pod gets";
const NAME: &str = "a name that the host gives";
const MORE: &str = "more than a node has to hide; older ones do not";
const DISK: &str = "which disk it is, nobody knows when the policy is made";
const VERSIONS: &str = "versions of containerd differ";
const NOTHING: &str = "the sandbox, which does nothing, need not have it";

const PRIVILEGED: &str = "of a pod with a privileged container: versions of containerd differ";
const FILES: &str = "files that the host copies in are the host's; where they may lie is compared";
const NETWORK: &str = "the network is the host's; only the loopback interface is not";

pub(crate) const OPEN: &[Open] = &[
    create("dropped a member of OCI.Annotations", ANNOTATION),
    create("changed OCI.Hostname", HOST_NAME),
    create("dropped OCI.Hostname", HOST_NAME),
    create("swapped OCI.Hostname", HOST_NAME),
    create("changed OCI.Linux.CgroupsPath", "a name for limits"),
    create("swapped OCI.Linux.CgroupsPath", "a name for limits"),
    create("changed OCI.Linux.Devices[].Major", DISK),
    create("changed OCI.Linux.Devices[].Minor", DISK),
    create("changed OCI.Linux.Devices[].FileMode", DISK),
    create("changed OCI.Linux.Devices[].UID", DISK),
    create("changed OCI.Linux.Devices[].GID", DISK),
    create("changed OCI.Linux.MaskedPaths[] /proc/interrupts", MORE),
    create("dropped OCI.Linux.MaskedPaths[] /proc/interrupts", MORE),
    create("dropped an item of OCI.Linux.MaskedPaths /proc/interrupts", MORE),
    create("changed OCI.Linux.MaskedPaths[] /sys/devices/virtual/powercap", MORE),
    create("dropped OCI.Linux.MaskedPaths[] /sys/devices/virtual/powercap", MORE),
    create("dropped an item of OCI.Linux.MaskedPaths /sys/devices/virtual/powercap", MORE),
    // Into a privileged container, of which nothing is hidden.
    create("swapped OCI.Linux.MaskedPaths", MORE),
    create("swapped OCI.Linux.ReadonlyPaths", MORE),
    create("changed OCI.Linux.Resources", LIMITS),
    create("swapped OCI.Linux.Resources", LIMITS),
    create("dropped OCI.Linux.RootfsPropagation", "none is less than what the pod asks for"),
    create("swapped OCI.Linux.RootfsPropagation", "none is less than what the pod asks for"),
    sandbox("dropped a member of OCI.Linux.Sysctl", VERSIONS),
    sandbox("dropped an item of OCI.Mounts /etc/resolv.conf", NOTHING),
    create(
        "dropped an item of OCI.Mounts /var/run/secrets/kubernetes.io/serviceaccount",
        "the account can say so",
    ),
    sandbox("dropped an item of OCI.Mounts[/etc/resolv.conf].options", VERSIONS),
    sandbox("repeated an item of OCI.Mounts /dev/shm", "old versions of containerd mount it twice"),
    create("swapped OCI.Mounts[/sys].options", PRIVILEGED),
    // The two volumes of the test that say `recursiveReadOnly: IfPossible` and `Disabled`.
    create("swapped OCI.Mounts[/host-recursive].options", "recursive or not, as the node can"),
    sandbox("dropped an item of OCI.Process.Env PATH", NOTHING),
    create("dropped an item of OCI.Process.Env JOB_COMPLETION_INDEX", "not every Job is an indexed one"),
    create("changed OCI.Process.Env[] NODE_NAME", "a name that the host gives"),
    create("changed OCI.Process.OOMScoreAdj", LIMITS),
    create("swapped OCI.Process.OOMScoreAdj", LIMITS),
    create("changed exec_id", NAME),
    create("dropped exec_id", NAME),
    create("swapped exec_id", NAME),
    exec("changed exec_id", NAME),
    exec("dropped exec_id", NAME),
    exec("changed process.OOMScoreAdj", LIMITS),
    copy("changed path", FILES),
    copy("changed file_size", FILES),
    copy("changed file_mode", FILES),
    copy("changed dir_mode", FILES),
    copy("changed uid", FILES),
    copy("changed gid", FILES),
    copy("changed offset", FILES),
    copy("changed symlink_target", FILES),
    copy("dropped symlink_target", FILES),
    interface("changed interface", NETWORK),
    interface("dropped interface", NETWORK),
    interface("dropped an item of interface.IPAddresses", NETWORK),
    interface("repeated an item of interface.IPAddresses", NETWORK),
    routes("changed routes", NETWORK),
    routes("dropped routes", NETWORK),
    routes("dropped an item of routes.Routes", NETWORK),
    routes("repeated an item of routes.Routes", NETWORK),
];

/// Variables of the Services of a namespace: who leaves them out takes nothing that the pod asked for.
const CLUSTER: &str = "what the cluster adds";
static SERVICE: LazyLock<Regex> = LazyLock::new(|| {
    let port = "PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?";
    Regex::new(&format!("^[A-Z][A-Z0-9_]*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|{port})$")).unwrap()
});

/// Why a fault passes that is listed.
pub(crate) fn find(asked: &Asked, pod: &Value, fault: &str) -> Option<&'static str> {
    if let Some(name) = fault
        .strip_prefix("dropped an item of OCI.Process.Env ")
        .or(fault.strip_prefix("dropped an item of process.Env "))
        && SERVICE.is_match(name)
        && !is_said_by(pod, name)
    {
        return Some(CLUSTER);
    }
    let fits = |open: &&Open| {
        let rest = fault.strip_prefix(open.fault);
        let is_whole = rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()));
        open.kind == asked.kind && is_whole && (!open.sandbox || asked.is_sandbox())
    };
    OPEN.iter().find(fits).map(|open| open.why)
}

/// Whether a container of the pod itself has a variable.
fn is_said_by(pod: &Value, name: &str) -> bool {
    let containers =
        ["initContainers", "containers"].iter().filter_map(|key| pod["spec"][*key].as_array()).flatten();
    containers
        .filter_map(|container| container["env"].as_array())
        .flatten()
        .any(|variable| variable["name"] == name)
}

/// Members that say the same: an identifier is wrong where it is not that of the folder.
pub(crate) fn also_named(path: &str) -> Vec<&str> {
    match path {
        "container_id" => vec![path, "OCI.Root"],
        // What is said beside the image's name has to be the same.
        _ if path.starts_with("OCI.Annotations") => vec![path, "storages"],
        // A path may be hidden in place of being read-only.
        _ if path.starts_with("OCI.Linux.MaskedPaths") => vec![path, "OCI.Linux.ReadonlyPaths"],
        // A mount whose device is missing.
        _ if path.starts_with("storages") => vec![path, "OCI.Mounts"],
        _ => vec![path],
    }
}
