//! The resources of a run, and the workloads among them that are to be confidential.

use std::collections::BTreeMap;

use contrast_policy::Naming;
use contrast_resources::{
    Address, EditError, File, Misfit, Object, Place, Step, WorkloadKind, misfits, objects,
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    finding::{Finding, Severity},
    function, platform,
};
use crate::resource_files::Input;

/// Files, and what their documents are to say.
pub(crate) struct Resources {
    files: Vec<Source>,
}

/// One file.
pub(crate) struct Source {
    /// Where it comes from.
    pub(crate) input: Input,
    /// As it is.
    pub(crate) file: File,
    /// What each document is to say.
    values: Vec<Value>,
}

/// An object that makes confidential pods, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// What it is.
    pub(crate) kind: WorkloadKind,
    /// Its name, or what names of its pods begin with.
    pub(crate) name: String,
    /// Whether [`Self::name`] is only the beginning.
    generated: bool,
    /// Its namespace, if it names one.
    pub(crate) namespace: Option<String>,
    file: usize,
    address: Address,
}

/// The namespace of objects that name none, as far as names are made of it.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// Longest name of an object.
const MAX_NAME: usize = 253;

impl Resources {
    pub(crate) fn new(files: Vec<(Input, File)>) -> Self {
        let source = |(input, file): (Input, File)| {
            let values = file.documents().iter().map(|document| document.value().clone()).collect();
            Source { input, file, values }
        };
        Self { files: files.into_iter().map(source).collect() }
    }

    /// The files.
    pub(crate) fn files(&self) -> &[Source] {
        &self.files
    }

    /// The workloads that are to be confidential, in the order of files and documents; or what is wrong with one of them.
    pub(crate) fn workloads(&self) -> Result<Vec<Workload>, Vec<Finding>> {
        let mut workloads: Vec<Workload> = Vec::new();
        let mut findings = Vec::new();
        for (file, source) in self.files.iter().enumerate() {
            for object in objects(&source.values) {
                if !contains_class(object.value) {
                    continue;
                }
                let Some(kind) = WorkloadKind::of(&object) else {
                    findings.push(unknown_kind(&object, source));
                    continue;
                };
                let found = Workload::of(kind, &object, file);
                if !is_confidential(kind, object.value) {
                    findings.push(self.finding(
                        &found,
                        &["spec"],
                        "a runtime class of confidential pods stands where nobody reads it; move `runtimeClassName` into the `spec` of the pod template",
                    ));
                    continue;
                }
                findings.extend(misfits(&object).into_iter().map(|misfit| found.misfit(source, &misfit)));
                let containers =
                    kind.template(object.value).and_then(|template| template.pointer("/spec/containers"));
                if containers.and_then(Value::as_array).is_none_or(Vec::is_empty) {
                    findings.push(self.finding(
                        &found,
                        &["spec"],
                        "it has no container; add one to `containers`",
                    ));
                }
                if found.name.is_empty() {
                    findings.push(self.finding(&found, &["metadata"], "it has no name; set `metadata.name`"));
                } else if !found.has_name() {
                    let message = format!(
                        "the API server takes no object named `{}`; use lower-case letters and digits, with dashes and dots between them",
                        found.name
                    );
                    findings.push(self.finding(&found, &["metadata", "name"], message));
                }
                if let Some(other) = workloads.iter().find(|other| other.is_same(&found)) {
                    let place = self.place(other, &[]).map(|place| place.to_string()).unwrap_or_default();
                    let message = format!("it is there twice, here and at {place}; remove one of them");
                    findings.push(self.finding(&found, &["metadata", "name"], message));
                }
                workloads.push(found);
            }
        }
        if findings.is_empty() { Ok(workloads) } else { Err(findings) }
    }

    /// The list for a function on standard input, if that is what there is.
    pub(crate) fn function_list(&self) -> Option<&Value> {
        self.function_source()?.values.first()
    }

    /// Puts findings into the list for a function, if there is one.
    pub(crate) fn put_results(&mut self, findings: &[Finding]) {
        if self.function_source().is_some() {
            let source = self.files.iter_mut().find(|source| source.input == Input::Standard);
            if let Some(list) = source.and_then(|source| source.values.first_mut()) {
                function::put_results(list, findings);
            }
        }
    }

    /// The list for a function as it came in, with findings.
    pub(crate) fn refused_function_list(&self, findings: &[Finding]) -> Option<String> {
        let source = self.function_source()?;
        let mut list = source.file.documents().first()?.value().clone();
        function::put_results(&mut list, findings);
        source.file.rewritten(&[list]).ok().flatten()
    }

    fn function_source(&self) -> Option<&Source> {
        let source = self.files.iter().find(|source| source.input == Input::Standard)?;
        matches!(&source.values[..], [list] if function::is_resource_list(list)).then_some(source)
    }

    /// What a workload is to say.
    pub(crate) fn object(&self, workload: &Workload) -> Option<&Value> {
        workload.address.of(&self.files.get(workload.file)?.values)
    }

    /// The template of a workload's pods.
    pub(crate) fn template(&self, workload: &Workload) -> Option<&Value> {
        workload.kind.template(self.object(workload)?)
    }

    /// The same, to be changed.
    pub(crate) fn template_mut(&mut self, workload: &Workload) -> Option<&mut Value> {
        let object = workload.address.of_mut(&mut self.files.get_mut(workload.file)?.values)?;
        workload.kind.template_mut(object)
    }

    /// An annotation of a workload's pods, or else of the object.
    pub(crate) fn annotation(&self, workload: &Workload, key: &str) -> Option<&str> {
        Some(workload.kind.annotation(self.object(workload)?, key)?.value)
    }

    /// Where something in the template of a workload stands, or the nearest thing above it that does.
    pub(crate) fn place(&self, workload: &Workload, path: &[Step<'_>]) -> Option<Place> {
        let template = workload.kind.template_path().iter().map(|key| Step::Key(key));
        let path: Vec<_> = template.chain(path.iter().copied()).collect();
        workload.address.place(&self.files.get(workload.file)?.file, &path)
    }

    /// Something wrong at a path of keys in the template of a workload.
    pub(crate) fn finding(&self, workload: &Workload, path: &[&str], message: impl Into<String>) -> Finding {
        let steps: Vec<_> = path.iter().map(|key| Step::Key(key)).collect();
        self.finding_at(workload, &steps, message)
    }

    /// Something wrong at a path in the template of a workload.
    pub(crate) fn finding_at(
        &self,
        workload: &Workload,
        path: &[Step<'_>],
        message: impl Into<String>,
    ) -> Finding {
        Finding {
            severity: Severity::Error,
            code: "resources",
            place: self.place(workload, path),
            workload: Some(workload.to_string()),
            message: message.into(),
        }
    }

    /// The ConfigMaps, by namespace and name. The last of several with the same name counts.
    pub(crate) fn config_maps(&self) -> BTreeMap<String, BTreeMap<String, ConfigMap>> {
        self.of_kind("ConfigMap")
    }

    /// The Secrets, by namespace and name. The last of several with the same name counts.
    pub(crate) fn secrets(&self) -> BTreeMap<String, BTreeMap<String, Secret>> {
        self.of_kind("Secret")
    }

    fn of_kind<T: DeserializeOwned>(&self, kind: &str) -> BTreeMap<String, BTreeMap<String, T>> {
        let mut found: BTreeMap<String, BTreeMap<String, T>> = BTreeMap::new();
        for source in &self.files {
            let of_kind = objects(&source.values).into_iter().filter(|object| {
                object.kind() == kind && object.api_version() == "v1" && !object.name().is_empty()
            });
            for object in of_kind {
                // One that the API server would refuse is as good as none: whoever refers to it is told that it is missing.
                if let Ok(typed) = T::deserialize(object.value) {
                    let namespace = object.namespace().unwrap_or(DEFAULT_NAMESPACE);
                    found.entry(namespace.to_owned()).or_default().insert(object.name().to_owned(), typed);
                }
            }
        }
        found
    }
}

impl Source {
    /// The text that is to be written; `None` if nothing changes.
    pub(crate) fn rewritten(&self) -> Result<Option<String>, EditError> {
        self.file.rewritten(&self.values)
    }
}

impl Workload {
    fn of(kind: WorkloadKind, object: &Object<'_>, file: usize) -> Self {
        let beginning = object.value.pointer("/metadata/generateName").and_then(Value::as_str);
        let generated = object.name().is_empty() && beginning.is_some();
        let name = if generated { beginning.unwrap_or_default() } else { object.name() };
        Self {
            kind,
            name: name.to_owned(),
            generated,
            namespace: object.namespace().map(str::to_owned),
            file,
            address: object.address.clone(),
        }
    }

    /// How its pods are named.
    pub(crate) fn naming(&self) -> Naming<'_> {
        let name = self.name.as_str();
        match self.kind {
            WorkloadKind::Pod if self.generated => Naming::Generated(name),
            WorkloadKind::Pod => Naming::Exact(name),
            WorkloadKind::Deployment => Naming::Deployment(name),
            WorkloadKind::DaemonSet | WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController => {
                Naming::Replicated(name)
            }
            WorkloadKind::StatefulSet => Naming::StatefulSet(name),
            WorkloadKind::Job => Naming::Job(name),
            WorkloadKind::CronJob => Naming::CronJob(name),
        }
    }

    /// Its name among all objects of the cluster: what its secret is derived from unless somebody says otherwise.
    pub(crate) fn identity(&self) -> String {
        let (api_version, kind) = self.kind.type_meta();
        let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
        format!("{group}/{version}/{kind}/{}/{}", self.namespace_name(), self.name)
    }

    /// Its namespace, as far as names are made of it.
    pub(crate) fn namespace_name(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }

    /// Whether it is named as the API server wants (RFC 1123, "subdomain").
    fn has_name(&self) -> bool {
        // Something comes after the beginning.
        let name = self.name.trim_end_matches(['-', '.']);
        let name = if self.generated { name } else { &self.name };
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_label = |label: &str| {
            label.bytes().all(|byte| is_inner(byte) || byte == b'-')
                && !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        name.len() <= MAX_NAME && name.split('.').all(is_label)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.namespace_name() == other.namespace_name()
            && self.name == other.name
            && !self.generated
    }

    fn misfit(&self, source: &Source, misfit: &Misfit) -> Finding {
        let path = match misfit {
            Misfit::Unknown { path } | Misfit::WrongType { path, .. } => path,
        };
        Finding {
            severity: Severity::Error,
            code: "resources",
            place: self.address.place(&source.file, &path.steps()),
            workload: Some(self.to_string()),
            message: misfit.to_string(),
        }
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (_, kind) = self.kind.type_meta();
        write!(f, "{kind}/{}", if self.name.is_empty() { "(no name)" } else { &self.name })
    }
}

/// The runtime class of a pod template.
pub(crate) fn class_of(template: &Value) -> Option<&str> {
    template.get("spec")?.get("runtimeClassName")?.as_str()
}

fn is_confidential(kind: WorkloadKind, object: &Value) -> bool {
    kind.template(object).and_then(class_of).is_some_and(platform::is_confidential)
}

/// An object of another kind that has a pod template with one of the classes: its pods would come without a policy.
fn unknown_kind(object: &Object<'_>, source: &Source) -> Finding {
    let name = if object.name().is_empty() { "(no name)" } else { object.name() };
    let all = WorkloadKind::ALL.map(WorkloadKind::type_meta);
    let message = match all.iter().find(|(_, kind)| *kind == object.kind()) {
        Some((right, kind)) => format!(
            "a {kind} is of `apiVersion: {right}`, and this one says `{}`; write `{right}`",
            object.api_version()
        ),
        None if object.kind().is_empty() => {
            "it says no `kind`, so that nobody knows what it is; each object needs `apiVersion` and `kind`, items of lists too"
                .to_owned()
        }
        None => format!(
            "objects of this kind ({} {}) get no policy, and one asks for a runtime class of confidential pods; use one of: {}",
            object.api_version(),
            object.kind(),
            all.map(|(_, kind)| kind).join(", ")
        ),
    };
    Finding {
        severity: Severity::Error,
        code: "resources",
        place: object.address.place(&source.file, &[Step::Key("kind")]),
        workload: Some(format!("{}/{name}", object.kind())),
        message,
    }
}

/// Whether `runtimeClassName` stands in it anywhere, with one of the classes.
fn contains_class(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| {
            (key == "runtimeClassName" && value.as_str().is_some_and(platform::is_confidential))
                || contains_class(value)
        }),
        Value::Array(items) => items.iter().any(contains_class),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
