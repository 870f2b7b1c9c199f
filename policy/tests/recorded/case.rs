//! Recorded pods, and the workloads that they were made from.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use contrast_policy::{Naming, Policy, Problem, Settings, Workload};
use contrast_resources::{File, WorkloadKind, objects};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, PodSpec, PodTemplateSpec, Secret};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{node::Node, unsupported};

/// The recordings of all versions of containerd, as folders.
const RUNTIMES: [&str; 2] = ["containerd-1.6", "containerd-2.4"];

/// A pod that was recorded.
pub(crate) struct Recorded {
    /// Version of containerd, case, pod.
    pub(crate) name: String,
    folder: PathBuf,
    case: String,
    pod: String,
}

/// One recorded file.
pub(crate) struct Record {
    /// Name of the container; empty for the sandbox.
    pub(crate) container: String,
    pub(crate) value: Value,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

fn entries(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

/// All of them.
pub(crate) fn all() -> Vec<Recorded> {
    let mut all = Vec::new();
    for runtime in RUNTIMES {
        let cases = folder().join(runtime);
        for case in entries(&cases).into_iter().filter(|case| cases.join(case).is_dir()) {
            for pod in entries(&cases.join(&case)) {
                let folder = cases.join(&case).join(&pod);
                let name = format!("{runtime}/{case}/{pod}");
                all.push(Recorded { name, folder, case: case.clone(), pod });
            }
        }
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}

impl Recorded {
    /// The pod as the API server showed it.
    pub(crate) fn pod(&self) -> Value {
        json(&self.folder.join("pod.json"))
    }

    pub(crate) fn sandbox(&self) -> Record {
        Record { container: String::new(), value: json(&self.folder.join("sandbox.json")) }
    }

    /// Its containers, or the further processes of them.
    pub(crate) fn records(&self, kind: &str) -> Vec<Record> {
        let of_kind = entries(&self.folder)
            .into_iter()
            .filter_map(|file| Some((file.strip_prefix(kind)?.split('.').next()?.to_owned(), file.clone())));
        of_kind.map(|(container, file)| Record { container, value: json(&self.folder.join(file)) }).collect()
    }

    /// The policy of its workload on a node, without what [`unsupported`] names.
    pub(crate) fn policy(&self, node: Node, settings: &Settings) -> Result<Policy, Vec<Problem>> {
        let file = folder().join("pods").join(format!("{}.yaml", self.case));
        let file = File::read("pods", fs::read(file).unwrap()).unwrap();
        let values: Vec<_> = file.documents().iter().map(|document| document.value().clone()).collect();
        let objects = objects(&values);
        let workloads = objects.iter().filter_map(|object| {
            let (kind, value) = (WorkloadKind::of(object)?, object.address.of(&values)?);
            let name = value["metadata"]["name"].as_str().or(value["metadata"]["generateName"].as_str())?;
            self.pod.starts_with(name).then_some((kind, value, name))
        });
        // `a-job` and `a-job-of-two` both begin so.
        let (kind, value, name) = workloads.max_by_key(|(_, _, name)| name.len()).unwrap();
        let template = PodTemplateSpec::deserialize(kind.template(value).unwrap()).unwrap();
        let mut spec = serde_json::to_value(template.spec.unwrap()).unwrap();
        unsupported::take_out(&self.case, &mut spec);
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        let claims: Vec<PersistentVolumeClaim> = value
            .pointer("/spec/volumeClaimTemplates")
            .map_or_else(Vec::new, |claims| Vec::deserialize(claims).unwrap());
        let images = node.images(&spec);
        let workload = Workload {
            naming: naming(kind, value, name),
            namespace: value["metadata"]["namespace"].as_str(),
            metadata: &template.metadata.unwrap_or_default(),
            spec: &spec,
            claim_templates: &claims,
            images: &images,
            pause: Some(&node.pause()),
            config_maps: &named::<ConfigMap>(&values, "ConfigMap"),
            secrets: &named::<Secret>(&values, "Secret"),
        };
        Policy::generate(&workload, settings)
    }

    /// Its case.
    pub(crate) fn case(&self) -> &str {
        &self.case
    }

    pub(crate) fn pod_name(&self) -> &str {
        &self.pod
    }
}

fn naming<'a>(kind: WorkloadKind, value: &Value, name: &'a str) -> Naming<'a> {
    match kind {
        WorkloadKind::Pod if value["metadata"].get("generateName").is_some() => Naming::Generated(name),
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

fn named<T: DeserializeOwned>(values: &[Value], kind: &str) -> BTreeMap<String, T> {
    let of_kind = values.iter().filter(|value| value["kind"] == kind);
    of_kind
        .map(|value| {
            let name = value["metadata"]["name"].as_str().unwrap().to_owned();
            (name, serde_json::from_value(value.clone()).unwrap())
        })
        .collect()
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}
