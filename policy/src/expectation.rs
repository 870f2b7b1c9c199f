//! What a policy expects of requests, as values that can be compared with a request, told in words, and compared with what
//! another policy expects.

mod read;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use read::UnknownForm;
pub use text::Text;
pub(crate) use text::{quoted, quoted_list};

use crate::{check::Subject, request::Kind};

/// Where a policy remembers the containers that were created: an object of names by identifier.
const CREATED: &str = "containers";
/// Where a policy remembers the containers that were started: likewise.
const STARTED: &str = "started";
/// Where a policy remembers their volumes that are disks: an object of places by volume, by identifier.
const DISKS: &str = "disks";
/// Where a policy remembers what the first container said of the pod: an object of texts.
const PINS: &str = "pins";

/// Option of a layer of an image, before the dm-verity root hash of its blocks.
pub(crate) const ROOT_HASH: &str = "io.katacontainers.fs-opt.root-hash=";

/// Everything that a policy expects.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Expectations {
    /// Name of the pod.
    pub pod_name: Text,
    /// Namespace of the pod.
    pub namespace: Text,
    /// The sandbox, whose container runs the pause program.
    pub sandbox: Container,
    /// The containers, in the order of the policy. Initialisation comes first.
    pub containers: Vec<Container>,
    /// What requests about no container must say, by kind. A kind that is not here is always denied; one with an empty list
    /// is always allowed.
    pub requests: BTreeMap<Kind, Vec<Member>>,
}

/// What is expected of a container.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Container {
    /// Its name in the pod; empty for the sandbox.
    pub name: String,
    /// The image that the guest pulls.
    pub image: Option<Text>,
    /// Program and arguments.
    pub args: Vec<Text>,
    /// Variables by name.
    pub env: BTreeMap<String, Variable>,
    /// Variables that may be there under names of a form, with the form of `NAME=value`.
    pub env_patterns: Vec<Text>,
    /// Mounts by destination.
    pub mounts: BTreeMap<String, Mount>,
    /// What the agent mounts.
    pub storages: Vec<Storage>,
    /// Disks that it gets as they are: `b`, by path.
    pub devices: BTreeMap<String, String>,
    /// Annotations by key.
    pub annotations: BTreeMap<String, Optional>,
    /// Kernel parameters by name.
    pub sysctls: BTreeMap<String, Optional>,
    /// Everything with one value.
    pub members: Vec<Member>,
    /// Everything that is a set, in any order.
    pub sets: Vec<Set>,
    /// Commands that the host may run in it.
    pub exec: Vec<Vec<Text>>,
    /// What else such a process must be, such as `process.Cwd`.
    pub exec_members: Vec<Member>,
    /// Whether the host may read what it prints.
    pub logs: bool,
    /// Whether the host may write to its input.
    pub stdin: bool,
}

/// A variable of a process.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Variable {
    /// Its value.
    pub value: Text,
    /// Whether it must be there.
    pub required: bool,
    /// What the image says otherwise, which may come before it.
    pub of_image: Option<String>,
}

/// A value that may be missing.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Optional {
    /// The value.
    pub value: Text,
    /// Whether it must be there.
    pub required: bool,
}

/// What is mounted at a place.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Mount {
    /// The forms that it may have. Nodes differ.
    pub forms: Vec<MountForm>,
    /// Whether it must be there.
    pub required: bool,
}

/// One form of a mount.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct MountForm {
    /// What is mounted.
    pub source: Text,
    /// File system, or `bind`.
    pub kind: String,
    /// Options, in any order.
    pub options: BTreeSet<String>,
    /// Options that may be there as well.
    pub extra_options: BTreeSet<String>,
}

/// Something that the agent mounts.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Storage {
    /// How it is mounted.
    pub driver: Text,
    /// Options of that way, in order.
    pub driver_options: Vec<Text>,
    /// Device, path, or reference of an image.
    pub source: Text,
    /// File system.
    pub fstype: Text,
    /// Path in the guest.
    pub mount_point: Text,
    /// Options, in order.
    pub options: Vec<Text>,
    /// Group that owns it, as JSON.
    pub fs_group: Text,
    /// Whether several containers use it, as JSON.
    pub shared: Text,
}

/// A member of a request with one value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Where, such as `OCI.Process.Cwd`; `[]` stands for every item of a list.
    pub path: String,
    /// What it is about.
    pub subject: Subject,
    /// The value; what is no text is written as JSON.
    pub expected: Text,
}

/// A member of a request that is a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    /// Where, such as `OCI.Process.User.AdditionalGids`.
    pub path: String,
    /// What it is about.
    pub subject: Subject,
    /// Its items; what is no text is written as JSON.
    pub items: BTreeSet<String>,
    /// Items that may be there or not.
    pub free: BTreeSet<String>,
    /// What other items may be there as well.
    pub more: Option<Text>,
    /// Another list in which an item may be instead.
    pub or_in: Option<String>,
}

impl Expectations {
    /// The containers that were created and not removed: names by identifier; `memory`: what the policy remembers.
    pub(crate) fn created(memory: &Value) -> BTreeMap<&str, &str> {
        names(memory, CREATED)
    }

    /// The containers that were started and not removed.
    pub(crate) fn started(memory: &Value) -> BTreeMap<&str, &str> {
        names(memory, STARTED)
    }

    /// The volumes of a container that are disks, and where each is mounted in the guest.
    pub(crate) fn disks<'m>(memory: &'m Value, id: &str) -> BTreeMap<&'m str, &'m str> {
        memory.get(DISKS).map(|disks| names(disks, id)).unwrap_or_default()
    }

    /// The container that was created under an identifier and not removed.
    pub(crate) fn known(&self, memory: &Value, id: &str) -> Option<&Container> {
        let name = *Self::created(memory).get(id)?;
        std::iter::once(&self.sandbox).chain(&self.containers).find(|container| container.name == name)
    }
}

/// Names by identifier, from a member of what a policy remembers.
fn names<'m>(memory: &'m Value, member: &str) -> BTreeMap<&'m str, &'m str> {
    let members = memory.get(member).and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(id, name)| Some((id.as_str(), name.as_str()?))).collect()
}

impl Container {
    /// The same with the texts that were pinned; `memory`: what the policy remembers.
    pub(crate) fn pinned(&self, memory: &Value) -> Self {
        let mut container = self.clone();
        let Some(pins) = memory.get(PINS) else { return container };
        let Self { args, env, mounts, annotations, members, exec, exec_members, .. } = &mut container;
        let texts = args
            .iter_mut()
            .chain(env.values_mut().map(|variable| &mut variable.value))
            .chain(mounts.values_mut().flat_map(|mount| mount.forms.iter_mut().map(|form| &mut form.source)))
            .chain(annotations.values_mut().map(|annotation| &mut annotation.value))
            .chain(members.iter_mut().chain(exec_members).map(|member| &mut member.expected))
            .chain(exec.iter_mut().flatten());
        texts.for_each(|text| text.pin(pins));
        container
    }
}
