//! Whether the API server would take an object: the members that its type has, and their types.

use std::fmt;

use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use serde::de::DeserializeOwned;
use serde_ignored::Path;
use serde_json::Value;

use crate::{file::Step, object::Object};

/// Something about an object that the API server would refuse or drop.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misfit {
    /// A member that its type does not have.
    #[error("{path}: Kubernetes knows no such member here; correct its name, or move it to where it belongs")]
    Unknown {
        /// Where it stands.
        path: ObjectPath,
    },
    /// A value of another type.
    #[error("{path}: {reason}")]
    WrongType {
        /// Where it stands.
        path: ObjectPath,
        /// What was found, and what is expected there.
        reason: String,
    },
}

/// A path into an object, as people write it: `spec.containers[0].image`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ObjectPath(Vec<PathStep>);

/// One step of an [`ObjectPath`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PathStep {
    /// A member of a map.
    Key(String),
    /// An item of a list, counted from 0.
    Item(usize),
}

/// Everything that does not fit, for kinds whose type is known here; anything else passes.
#[must_use]
pub fn misfits(object: &Object<'_>) -> Vec<Misfit> {
    match (object.api_version(), object.kind()) {
        ("v1", "Pod") => check::<core::Pod>(object.value),
        ("v1", "ReplicationController") => check::<core::ReplicationController>(object.value),
        ("v1", "ConfigMap") => check::<core::ConfigMap>(object.value),
        ("v1", "Secret") => check::<core::Secret>(object.value),
        ("v1", "Service") => check::<core::Service>(object.value),
        ("apps/v1", "Deployment") => check::<apps::Deployment>(object.value),
        ("apps/v1", "ReplicaSet") => check::<apps::ReplicaSet>(object.value),
        ("apps/v1", "StatefulSet") => check::<apps::StatefulSet>(object.value),
        ("apps/v1", "DaemonSet") => check::<apps::DaemonSet>(object.value),
        ("batch/v1", "Job") => check::<batch::Job>(object.value),
        ("batch/v1", "CronJob") => check::<batch::CronJob>(object.value),
        _ => Vec::new(),
    }
}

fn check<T: DeserializeOwned>(value: &Value) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let mut note = |path: Path<'_>| misfits.push(Misfit::Unknown { path: ObjectPath::from_ignored(&path) });
    let ignored = serde_ignored::Deserializer::new(tracked, &mut note);
    // Erased, since the compiler would otherwise take minutes to make one reader for each type out of these two.
    let read = erased_serde::deserialize::<T>(&mut <dyn erased_serde::Deserializer<'_>>::erase(ignored));
    if let Err(error) = read {
        let path = ObjectPath::from_track(&track.path());
        misfits.push(Misfit::WrongType { path, reason: error.to_string() });
    }
    misfits
}

impl ObjectPath {
    /// The steps, for [`crate::Address::place`].
    #[must_use]
    pub fn steps(&self) -> Vec<Step<'_>> {
        let step = |step| match step {
            &PathStep::Item(index) => Step::Item(index),
            PathStep::Key(key) => Step::Key(key),
        };
        self.0.iter().map(step).collect()
    }

    fn from_ignored(path: &Path<'_>) -> Self {
        let mut steps = Vec::new();
        let mut at = Some(path);
        while let Some(path) = at {
            at = match path {
                Path::Root => None,
                Path::Seq { parent, index } => {
                    steps.push(PathStep::Item(*index));
                    Some(parent)
                }
                Path::Map { parent, key } => {
                    steps.push(PathStep::Key(key.clone()));
                    Some(parent)
                }
                Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
                    Some(parent)
                }
            };
        }
        steps.reverse();
        Self(steps)
    }

    fn from_track(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let steps = path.iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(PathStep::Item(*index)),
            Segment::Map { key } => Some(PathStep::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        Self(steps.collect())
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Item(item) => write!(f, "[{item}]")?,
                PathStep::Key(key) if index == 0 => write!(f, "{key}")?,
                PathStep::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}
