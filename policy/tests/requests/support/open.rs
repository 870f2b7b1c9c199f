//! Faults that rules let pass, and why.

/// What passes: how a fault begins, and the reason.
pub(crate) const OPEN: &[(&str, &str)] = &[
    (
        "dropped a member of OCI.Annotations",
        "a node need not say everything; what decides is compared where it decides",
    ),
    ("changed OCI.Hostname", "the agent takes the host name from the sandbox"),
    ("changed OCI.Linux.CgroupsPath", "a name for limits, below the root of control groups"),
    (
        "dropped a member of OCI.Linux.Sysctl",
        "versions of containerd differ; what the pod asks for, its sandbox must have",
    ),
    ("repeated an item of OCI.Linux.MaskedPaths", "a set"),
    ("repeated an item of OCI.Linux.ReadonlyPaths", "a set"),
    ("changed OCI.Linux.Resources.CPU", "the host decides how much a pod gets"),
    ("changed OCI.Linux.Resources.Memory", "the host decides how much a pod gets"),
    ("repeated an item of OCI.Mounts[0].options", "a set"),
    ("repeated an item of OCI.Mounts[2].options", "a set"),
    ("repeated an item of OCI.Mounts[3].options", "a set"),
    ("repeated an item of OCI.Process.Capabilities", "a set"),
    ("dropped an item of OCI.Process.Rlimits", "the host decides how much a pod gets"),
    ("repeated an item of OCI.Process.Rlimits", "the host decides how much a pod gets"),
    ("changed OCI.Process.Rlimits[0].Hard", "the host decides how much a pod gets"),
    ("changed OCI.Process.Rlimits[0].Soft", "the host decides how much a pod gets"),
    ("dropped an item of OCI.Process.User.AdditionalGids", "the primary group is one of them or not"),
    ("repeated an item of OCI.Process.User.AdditionalGids", "a set"),
    ("changed OCI.Process.User.AdditionalGids[0]", "the primary group is one of them or not"),
    ("changed exec_id", "a name that the host gives"),
    ("dropped exec_id", "a name that the host gives"),
];

/// The same of further processes.
pub(crate) const OPEN_EXEC: &[(&str, &str)] = &[
    ("changed exec_id", "a name that the host gives"),
    ("dropped exec_id", "a name that the host gives"),
    ("changed process.OOMScoreAdj", "the host decides how much a pod gets"),
    ("dropped an item of process.Rlimits", "the host decides how much a pod gets"),
    ("repeated an item of process.Rlimits", "the host decides how much a pod gets"),
    ("changed process.Rlimits[0].Hard", "the host decides how much a pod gets"),
    ("changed process.Rlimits[0].Soft", "the host decides how much a pod gets"),
    ("dropped an item of process.User.AdditionalGids", "the primary group is one of them or not"),
    ("repeated an item of process.User.AdditionalGids", "a set"),
    ("changed process.User.AdditionalGids[0]", "the primary group is one of them or not"),
];
