//! Why no policy can be made.

use std::fmt;

/// Something in a pod specification that a policy cannot stand for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {trouble}")]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub trouble: Trouble,
}

/// A path into the pod specification, such as `containers[0].env[3].valueFrom`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place(String);

/// A step of a [`Place`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// A member of an object.
    Member(&'a str),
    /// An item of a list, counted from 0.
    Item(usize),
}

/// Kinds of trouble, with what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// An image about which nothing is known.
    #[error("nothing is known of the image `{0}`; it has to be looked up first")]
    UnknownImage(String),
    /// A container without anything to run.
    #[error("neither the container nor its image says what to run; set `command`")]
    NoCommand,
    /// A ConfigMap or Secret that is not among the files.
    #[error(
        "{kind} `{name}` is not among the files; give its file, too, or mark the reference as `optional: true` if it does not exist"
    )]
    MissingObject {
        /// ConfigMap or Secret.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A key that an object does not have.
    #[error("{kind} `{name}` has no key `{key}`; correct the key, or add it there")]
    MissingKey {
        /// ConfigMap or Secret.
        kind: &'static str,
        /// The object's name.
        name: String,
        /// The key.
        key: String,
    },
    /// A value of a Secret that is no text.
    #[error(
        "the value of key `{key}` in Secret `{name}` is not UTF-8, so that it cannot be a variable; mount the Secret as a volume instead"
    )]
    NotText {
        /// The Secret's name.
        name: String,
        /// The key.
        key: String,
    },
    /// A value of a Secret that would stand in the policy.
    #[error(
        "everybody who reaches the Coordinator reads the policy, and the value of Secret `{name}` would stand in it; mount the Secret as a volume, use a workload secret, or allow it with the setting `secrets_in_policy`"
    )]
    SecretInPolicy {
        /// The Secret's name.
        name: String,
    },
    /// A variable from a file.
    #[error(
        "the value stands in a file of a volume, which nobody knows here; write the value instead, or let the program read the file"
    )]
    VariableInFile,
    /// A field of the downward API that is not known here.
    #[error(
        "the field `{0}` cannot be foreseen; use one of metadata.name, metadata.namespace, metadata.uid, metadata.labels['…'], metadata.annotations['…'], spec.nodeName, spec.serviceAccountName, status.hostIP, status.hostIPs, status.podIP, status.podIPs"
    )]
    UnknownField(String),
    /// A label or annotation that the pod does not have.
    #[error("the pod has no {kind} `{key}`; add it, or leave the variable out")]
    NoSuchMetadata {
        /// Label or annotation.
        kind: &'static str,
        /// Its key.
        key: String,
    },
    /// A reference to what the cluster adds.
    #[error(
        "`$({0})` refers to a variable that the cluster adds, whose value nobody knows here; write the value instead"
    )]
    ClusterVariable(String),
    /// A user or group that the image does not know.
    #[error("the image has no user or group `{0}`; set `securityContext.runAsUser` and `runAsGroup`")]
    UnknownUser(String),
    /// A user that only the image names, where nodes do not have it.
    #[error(
        "the image runs as user `{0}`, whose groups a node cannot look up if the guest pulls the image; set `securityContext.runAsUser` and `runAsGroup`"
    )]
    UserOfImage(String),
    /// Users and groups of an image that are needed and not known.
    #[error("the image's users and groups are not known; they have to be looked up first")]
    UsersNotRead,
    /// Layers of an image that are needed and not known.
    #[error("the root hashes of the image's layers are not known; they have to be looked up first")]
    LayersNotRead,
    /// The node's pause image, where it is needed and not known.
    #[error("the node's pause image has to be known; name it by its digest with the setting `pause_image`")]
    UnknownPause,
    /// A number that no user or group can have.
    #[error("{0} is no user or group ID; use a number from 0 to 2147483647")]
    Id(i64),
    /// A volume that is mounted and not there.
    #[error("there is no volume `{0}`; add it to `volumes`, or correct the name")]
    NoSuchVolume(String),
    /// Two mounts at one place.
    #[error("two things are mounted at `{0}`; remove one of them")]
    MountedTwice(String),
    /// A kind of volume that the guest cannot have.
    #[error(
        "volume `{name}`: {kind} cannot be brought into a confidential VM as a policy describes it; use configMap, secret, projected, downwardAPI, emptyDir, hostPath, persistentVolumeClaim or ephemeral"
    )]
    VolumeKind {
        /// The volume's name.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// `subPath` or `subPathExpr` of a volume that is more than files of the node.
    #[error("the runtime cannot mount a `{0}` of this volume; mount the whole volume")]
    SubPath(&'static str),
    /// A name of two containers.
    #[error("two containers are named `{0}`; give one of them another name")]
    NamedTwice(String),
    /// Something that takes the pod out of its VM.
    #[error("`{0}` means the host, not the confidential VM; remove it")]
    OfTheHost(&'static str),
    /// A user namespace, which the node makes.
    #[error("the users of a confidential pod are those of its VM, and no node maps them; remove `hostUsers`")]
    UserNamespace,
    /// A device that a plugin of the node hands out, such as a GPU.
    #[error(
        "`{0}` stands for a device of the node, and no policy describes one that the VM would be given; leave it out"
    )]
    DeviceOfNode(String),
    /// What is known of the pod cannot be written as JSON, which no specification leads to.
    #[error("the policy cannot be written; this is a fault of the program, please report it")]
    Unwritable,
    /// A text that the agent does not read.
    #[error(
        "a value of {length} bytes is too long: the agent reads lines of at most {limit} characters; pass it in a file instead"
    )]
    TooLong {
        /// Its length.
        length: usize,
        /// The most that there may be.
        limit: usize,
    },
    /// A policy that the agent does not read.
    #[error("the policy would have {found} {unit}, and the agent reads at most {limit}; make two pods of it")]
    PolicyTooLarge {
        /// How much there is.
        found: usize,
        /// Bytes or lines.
        unit: &'static str,
        /// The most that there may be.
        limit: usize,
    },
}

impl Place {
    /// Its steps.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.0.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| {
            let index = part.strip_suffix(']').and_then(|index| index.parse().ok());
            index.map_or(Part::Member(part), Part::Item)
        })
    }

    pub(crate) fn of(name: &str) -> Self {
        Self(name.to_owned())
    }

    pub(crate) fn item(&self, name: &str, index: usize) -> Self {
        if self.0.is_empty() {
            Self(format!("{name}[{index}]"))
        } else {
            Self(format!("{}.{name}[{index}]", self.0))
        }
    }

    pub(crate) fn member(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    pub(crate) fn problem(&self, trouble: Trouble) -> Problem {
        Problem { place: self.clone(), trouble }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the pod") } else { f.write_str(&self.0) }
    }
}

/// Everything that is wrong, as it is found.
#[derive(Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, place: &Place, trouble: Trouble) {
        self.0.push(place.problem(trouble));
    }

    /// The value, or its problem is noted.
    pub(crate) fn note<T>(&mut self, place: &Place, result: Result<T, Trouble>) -> Option<T> {
        result.map_err(|trouble| self.add(place, trouble)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_apart_as_it_was_put_together() {
        let place = Place::default().item("containers", 0).member("securityContext").item("groups", 12);
        assert_eq!(place.to_string(), "containers[0].securityContext.groups[12]");
        let parts: Vec<_> = place.parts().collect();
        let expected = [
            Part::Member("containers"),
            Part::Item(0),
            Part::Member("securityContext"),
            Part::Member("groups"),
            Part::Item(12),
        ];
        assert_eq!(parts, expected);
        assert_eq!(Place::default().parts().count(), 0);
    }
}
