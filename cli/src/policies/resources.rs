//! Kubernetes resources, as far as they can make pods.

use std::path::Path;

use super::{
    AnnotationError, PoliciesError, Workload, annotation,
    yaml::{self, MAX_FILE_LEN, Yaml, YamlError},
};
use crate::{output, workspace};

/// The way to the metadata of the pods that a resource makes.
fn pod_metadata<'a>(kind: &str, resource: &'a Yaml) -> Option<&'a Yaml> {
    let way: &[&str] = match kind {
        "Pod" => &["metadata"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "metadata"],
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicationController" => {
            &["spec", "template", "metadata"]
        }
        _ => return None,
    };
    way.iter().try_fold(resource, |value, name| value.get(name))
}

/// The workloads with a policy in one file.
pub(super) fn workloads(file: &Path) -> Result<Vec<Workload>, PoliciesError> {
    let text = workspace::read_bounded(file, MAX_FILE_LEN)?;
    let (documents, fault) = match yaml::documents(&text) {
        Ok(read) => read,
        Err(YamlError::NotYaml(fault)) => (Vec::new(), Some(fault)),
        Err(YamlError::TooMuch(what)) => {
            return Err(PoliciesError::TooMuch { file: file.to_owned(), what });
        }
    };
    let mut workloads = Vec::new();
    documents.iter().try_for_each(|resource| collect(resource, file, &mut workloads))?;
    if let Some(fault) = fault {
        output::warning(&format!("{} is skipped from here on: it is not YAML: {fault}", file.display()));
    }
    Ok(workloads)
}

fn collect(resource: &Yaml, file: &Path, workloads: &mut Vec<Workload>) -> Result<(), PoliciesError> {
    let kind = resource.get("kind").and_then(Yaml::as_str).unwrap_or_default();
    if kind == "List" {
        let items = resource.get("items").map(Yaml::items).unwrap_or_default();
        return items.iter().try_for_each(|item| collect(item, file, workloads));
    }
    let Some(annotations) = pod_metadata(kind, resource).and_then(|metadata| metadata.get("annotations"))
    else {
        return Ok(());
    };
    let metadata = resource.get("metadata");
    let name =
        metadata.and_then(|metadata| metadata.get("name")).and_then(Yaml::as_str).unwrap_or("(no name)");
    let workload = format!("{kind}/{name}");
    let found = policy(annotations).transpose();
    let found = found.map_err(|source| PoliciesError::Annotation {
        workload: workload.clone(),
        file: file.to_owned(),
        source,
    })?;
    if let Some(policy) = found {
        workloads.push(Workload { name: workload, file: file.to_owned(), policy });
    }
    Ok(())
}

/// The policy in a pod's annotations. Where there are both forms, the newer one is what the pod is launched with.
fn policy(annotations: &Yaml) -> Option<Result<Vec<u8>, AnnotationError>> {
    let value = |key| annotations.get(key).and_then(Yaml::as_str);
    value(annotation::INITDATA)
        .map(annotation::initdata)
        .or_else(|| value(annotation::REGO).map(annotation::rego))
}
