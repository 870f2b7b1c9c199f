//! Objects that make pods, and where in them the pod is described.

use serde_json::{Map, Value};

use crate::object::Object;

/// Kinds of objects that make pods.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WorkloadKind {
    /// `batch/v1`.
    CronJob,
    /// `apps/v1`.
    DaemonSet,
    /// `apps/v1`.
    Deployment,
    /// `batch/v1`.
    Job,
    /// `v1`.
    Pod,
    /// `apps/v1`.
    ReplicaSet,
    /// `v1`.
    ReplicationController,
    /// `apps/v1`.
    StatefulSet,
}

/// The member of an object that has the `metadata` and `spec` of its pods, as the path to it.
pub type TemplatePath = &'static [&'static str];

impl WorkloadKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CronJob,
        Self::DaemonSet,
        Self::Deployment,
        Self::Job,
        Self::Pod,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::StatefulSet,
    ];

    /// What the object is, if it makes pods. Its version does not matter, only its group; one that names none is taken
    /// for what its kind says, so that it is not overlooked before the API server refuses it.
    #[must_use]
    pub fn of(object: &Object<'_>) -> Option<Self> {
        let group = object.api_version().split_once('/').map_or("", |(group, _)| group);
        Self::ALL.into_iter().find(|kind| {
            let (api_version, name) = kind.type_meta();
            let own_group = api_version.split_once('/').map_or("", |(group, _)| group);
            object.kind() == name && (object.api_version().is_empty() || group == own_group)
        })
    }

    /// `apiVersion` and `kind`.
    #[must_use]
    pub const fn type_meta(self) -> (&'static str, &'static str) {
        match self {
            Self::CronJob => ("batch/v1", "CronJob"),
            Self::DaemonSet => ("apps/v1", "DaemonSet"),
            Self::Deployment => ("apps/v1", "Deployment"),
            Self::Job => ("batch/v1", "Job"),
            Self::Pod => ("v1", "Pod"),
            Self::ReplicaSet => ("apps/v1", "ReplicaSet"),
            Self::ReplicationController => ("v1", "ReplicationController"),
            Self::StatefulSet => ("apps/v1", "StatefulSet"),
        }
    }

    /// Where the pod is described: empty if the object is the pod itself.
    #[must_use]
    pub const fn template_path(self) -> TemplatePath {
        match self {
            Self::Pod => &[],
            Self::CronJob => &["spec", "jobTemplate", "spec", "template"],
            _ => &["spec", "template"],
        }
    }

    /// What describes the pods of an object of this kind: an object with `metadata` and `spec`.
    #[must_use]
    pub fn template(self, object: &Value) -> Option<&Value> {
        self.template_path().iter().try_fold(object, |value, key| value.get(key))
    }

    /// The same, to be changed.
    pub fn template_mut(self, object: &mut Value) -> Option<&mut Value> {
        self.template_path().iter().try_fold(object, |value, key| value.get_mut(key))
    }

    /// An annotation of the pods; failing that, of the object itself. Earlier guides put some of them there.
    #[must_use]
    pub fn annotation<'v>(self, object: &'v Value, key: &str) -> Option<Annotation<'v>> {
        let of = |value: Option<&'v Value>| value?.get("metadata")?.get("annotations")?.get(key)?.as_str();
        match of(self.template(object)) {
            Some(value) => Some(Annotation { value, on_template: true }),
            None => of(Some(object)).map(|value| Annotation { value, on_template: false }),
        }
    }
}

/// An annotation, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Annotation<'a> {
    /// Its value.
    pub value: &'a str,
    /// On the pod template, where it belongs, or else on the object.
    pub on_template: bool,
}

/// Sets an annotation of a pod template; `None` removes it.
pub fn annotate(template: &mut Value, key: &str, value: Option<&str>) {
    let Some(template) = template.as_object_mut() else { return };
    match value {
        Some(value) => {
            let annotations =
                map_in(template, "metadata").and_then(|metadata| map_in(metadata, "annotations"));
            if let Some(annotations) = annotations {
                annotations.insert(key.to_owned(), value.into());
            }
        }
        None => {
            let annotations =
                template.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
            if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
                annotations.remove(key);
            }
        }
    }
}

/// The map at a key, made if there is nothing; `None` if there is something else.
fn map_in<'v>(map: &'v mut Map<String, Value>, key: &str) -> Option<&'v mut Map<String, Value>> {
    let value = map.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
