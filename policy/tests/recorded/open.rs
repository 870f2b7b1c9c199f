//! Faults of recorded requests that rules let pass, and why.

use contrast_policy::request::Kind;

/// A fault that passes.
pub(crate) struct Open {
    /// Which request.
    pub(crate) kind: Kind,
    /// How the fault begins, without the numbers of items.
    pub(crate) fault: &'static str,
    #[expect(dead_code, reason = "for people")]
    pub(crate) why: &'static str,
}

const fn create(fault: &'static str, why: &'static str) -> Open {
    Open { kind: Kind::CreateContainer, fault, why }
}

const fn exec(fault: &'static str, why: &'static str) -> Open {
    Open { kind: Kind::ExecProcess, fault, why }
}

const LIMITS: &str = "the host decides how much a pod gets";
const SET: &str = "a set";

const NODE: &str = "which device of the node it is, nobody knows when the policy is made";
const GROUP: &str = "the primary group is one of them or not";
const NAME: &str = "a name that the host gives";
const MORE: &str = "more than a node has to hide; older ones do not";

pub(crate) const OPEN: &[Open] = &[
    create("dropped a member of OCI.Annotations", "what decides is compared where it decides"),
    create("changed OCI.Hostname", "the agent takes the host name from the sandbox"),
    create("dropped OCI.Hostname", "the agent takes the host name from the sandbox"),
    create("swapped OCI.Hostname", "the agent takes the host name from the sandbox"),
    create("changed OCI.Linux.CgroupsPath", "a name for limits"),
    create("swapped OCI.Linux.CgroupsPath", "a name for limits"),
    create("dropped a member of OCI.Linux.Sysctl", "versions of containerd differ"),
    create("changed OCI.Linux.MaskedPaths[]", MORE),
    create("dropped OCI.Linux.MaskedPaths[]", MORE),
    create("dropped an item of OCI.Linux.MaskedPaths /proc/interrupts", MORE),
    create("dropped an item of OCI.Linux.MaskedPaths /proc/asound", MORE),
    create("dropped an item of OCI.Linux.MaskedPaths /sys/devices/", MORE),
    create("repeated an item of OCI.Linux.MaskedPaths", SET),
    create("swapped OCI.Linux.MaskedPaths", MORE),
    create("repeated an item of OCI.Linux.ReadonlyPaths", SET),
    create("changed OCI.Linux.Resources", LIMITS),
    create("swapped OCI.Linux.Resources", LIMITS),
    create(
        "dropped an item of OCI.Mounts /etc/resolv.conf",
        "the sandbox, which does nothing, need not have it",
    ),
    create(
        "dropped an item of OCI.Mounts /var/run/secrets/kubernetes.io/serviceaccount",
        "the account can say so",
    ),
    create(
        "dropped an item of OCI.Mounts[].options",
        "of the sandbox's resolv.conf: versions of containerd differ",
    ),
    create("repeated an item of OCI.Mounts[].options", SET),
    create("repeated an item of OCI.Mounts", "the sandbox's /dev/shm, which old versions mount twice"),
    create("repeated an item of OCI.Process.Capabilities", SET),
    create("changed OCI.Process.OOMScoreAdj", LIMITS),
    create("swapped OCI.Process.OOMScoreAdj", LIMITS),
    create("dropped an item of OCI.Process.Env PATH", "the sandbox, which does nothing, need not have it"),
    create("dropped an item of OCI.Process.User.AdditionalGids", GROUP),
    create("repeated an item of OCI.Process.User.AdditionalGids", SET),
    create("changed OCI.Process.User.AdditionalGids[]", GROUP),
    create("swapped OCI.Process.User.AdditionalGids", GROUP),
    create("changed OCI.Linux.Devices[]", NODE),
    create("swapped OCI.Linux.Devices", NODE),
    create("dropped an item of OCI.Linux.Devices", NODE),
    create("repeated an item of OCI.Linux.Devices", NODE),
    create("changed devices[]", NODE),
    create("dropped devices[]", NODE),
    create("dropped an item of devices", NODE),
    create("repeated an item of devices", NODE),
    create("swapped devices", NODE),
    create("changed exec_id", NAME),
    create("dropped exec_id", NAME),
    create("swapped exec_id", NAME),
    exec("changed exec_id", NAME),
    exec("dropped exec_id", NAME),
    exec("changed process.OOMScoreAdj", LIMITS),
    exec("dropped an item of process.User.AdditionalGids", GROUP),
    exec("repeated an item of process.User.AdditionalGids", SET),
    exec("changed process.User.AdditionalGids[]", GROUP),
];

/// Variables that the cluster adds: who leaves them out takes nothing that the pod asked for.
const CLUSTER: Open = create("dropped an item of OCI.Process.Env", "what the cluster adds");

/// Whether a fault is listed.
pub(crate) fn find(kind: Kind, fault: &str) -> Option<&'static Open> {
    let variable = fault.strip_prefix("dropped an item of ").and_then(|rest| rest.split_once(".Env "));
    if variable.is_some_and(|(_, name)| name.contains("_SERVICE_") || name.contains("_PORT")) {
        return Some(&CLUSTER);
    }
    OPEN.iter().find(|open| open.kind == kind && fault.starts_with(open.fault))
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
