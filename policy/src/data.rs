//! The data of a policy, as the rules read it: the value `pod` at the end of the text.
//!
//! Names of members are those in `policy/rules`. Everything is sorted or in the order of the specification, so that the same
//! pod makes the same text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::workload::Layer;

/// A text that a request has to have.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Wanted {
    /// This one.
    Value { value: String },
    /// One like this: a regular expression that is anchored at both ends.
    Pattern { pattern: String },
    /// What the first container said of the pod: `name`, `namespace` or `uid`, with what is before and after it. Where a node did
    /// not say it, a text `like` this.
    Pin {
        pin: &'static str,
        like: String,
        #[serde(skip_serializing_if = "String::is_empty")]
        before: String,
        #[serde(skip_serializing_if = "String::is_empty")]
        after: String,
    },
}

/// What the runtime says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Said {
    /// This text.
    Value(String),
    /// One like this: a regular expression that is anchored at both ends.
    Pattern(String),
    /// Any text of one line; what it says is compared elsewhere, if it says anything that counts.
    Line(bool),
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Wanted {
    pub(crate) fn value(text: impl Into<String>) -> Self {
        Self::Value { value: text.into() }
    }

    /// Of parts that are patterns.
    pub(crate) fn pattern(parts: &[&str]) -> Self {
        Self::Pattern { pattern: format!("^(?:{})$", parts.concat()) }
    }
}

/// All that the rules know of a pod.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Pod {
    pub(crate) name: Wanted,
    pub(crate) namespace: Wanted,
    /// Those that the user gave it, of which the node passes some on.
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) runtime_versions: BTreeSet<String>,
    /// Pattern of a container's root with its identifier as the first group.
    pub(crate) root: String,
    /// Pattern of the beginning of a file that the node shares with a container: folder, container, number.
    pub(crate) shared_file: String,
    /// Where layers of images are mounted that are devices of the node.
    pub(crate) layer_folder: &'static str,
    /// Where block devices are mounted for the whole pod.
    pub(crate) block_folder: String,
    pub(crate) sandbox_storages: Vec<Storage>,
    /// Patterns of variables that the cluster adds for its services.
    pub(crate) service_variables: Vec<String>,
    pub(crate) sandbox: Container,
    pub(crate) containers: BTreeMap<String, Container>,
}

/// One container.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Container {
    /// What the runtime says in annotations.
    pub(crate) annotations: BTreeMap<String, Said>,
    pub(crate) args: Vec<Wanted>,
    pub(crate) cwd: String,
    pub(crate) terminal: bool,
    pub(crate) env: BTreeMap<String, Variable>,
    pub(crate) user: User,
    pub(crate) capabilities: BTreeSet<String>,
    pub(crate) no_new_privileges: bool,
    pub(crate) readonly_root: bool,
    pub(crate) image: ImageName,
    pub(crate) mounts: BTreeMap<String, Mount>,
    pub(crate) storages: Vec<Storage>,
    /// How mounts of its root reach other containers, if a volume asks for that.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) propagation: &'static str,
    /// Kind (`c` or `b`) by path.
    pub(crate) devices: BTreeMap<String, &'static str>,
    /// Kernel settings that may be asked for.
    pub(crate) sysctls: BTreeMap<String, String>,
    /// Those of them that must be.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) needed_sysctls: BTreeSet<String>,
    pub(crate) masked_paths: Vec<String>,
    pub(crate) readonly_paths: Vec<String>,
    pub(crate) share_processes: bool,
    pub(crate) own_host_name: bool,
    /// Commands of probes and of hooks.
    pub(crate) exec: Vec<Vec<Wanted>>,
    pub(crate) logs: bool,
    pub(crate) stdin: bool,
}

/// A variable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Variable {
    #[serde(flatten)]
    pub(crate) value: Wanted,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) optional: bool,
    /// What the image says otherwise: containerd sends that first, and the pod's own after it, which counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of_image: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: BTreeSet<u32>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct ImageName {
    pub(crate) name: String,
    /// Empty for the sandbox, whose image is in the guest.
    pub(crate) digest: String,
    /// Bottom first; none where the guest pulls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) layers: Vec<Layer>,
}

/// What is mounted at one place.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Mount {
    /// Any of these.
    pub(crate) kinds: Vec<MountKind>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) optional: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct MountKind {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) options: Vec<String>,
    /// Options that a node may add.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) extra_options: Vec<String>,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// Where a mount comes from.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Source {
    /// This path in the guest.
    Path { source: String },
    /// A file or folder of the node with this name, as a pattern.
    Shared { file: String },
    /// A block device that the guest formats, of this volume.
    Block { block: bool, volume: String, driver_options: Vec<String>, fs_group: Option<FsGroup> },
}

/// A storage as the agent's request has it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Who mounts it.
    pub driver: String,
    /// Options for the driver.
    pub driver_options: Vec<String>,
    /// Device or path.
    pub source: String,
    /// File system.
    pub fstype: String,
    /// Mount options.
    pub options: Vec<String>,
    /// Where it is mounted.
    pub mount_point: String,
    /// Group that owns it.
    pub fs_group: Option<FsGroup>,
    /// Whether containers share it.
    pub shared: bool,
}

/// Group of a storage, and when it is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FsGroup {
    /// The group.
    pub group_id: u32,
    /// 0: always; 1: if the root differs.
    pub group_change_policy: u32,
}
