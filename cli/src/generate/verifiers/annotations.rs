//! An annotation of the project's that there is not: a pod whose mesh was meant by it would come without one.

use contrast_resources::Step;
use serde_json::Value;

use super::{Finding, Pods, Severity};
use crate::generate::inject::{ANNOTATIONS, PREFIX};

/// Names that mean something elsewhere: at the image store, at Services, and at what is put on nodes.
const ELSEWHERE: [&str; 4] = ["image-store-size", "secure-image-storage-size", "expose-service", "platform"];

pub(super) fn check(pods: &Pods<'_>) -> Vec<Finding> {
    let annotations = |of: Option<&Value>| -> Vec<String> {
        let annotations = of.and_then(|of| of.pointer("/metadata/annotations")).and_then(Value::as_object);
        annotations.into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let resources = pods.resources;
    let mut all = annotations(resources.template(pods.workload));
    all.extend(annotations(resources.object(pods.workload)));
    all.sort();
    all.dedup();
    let unknown = all.iter().filter(|key| {
        let name = key.strip_prefix(PREFIX);
        name.is_some_and(|name| !ANNOTATIONS.contains(&name) && !ELSEWHERE.contains(&name))
    });
    let finding = |key: &String| {
        let path = ["metadata", "annotations", key].map(Step::Key);
        let known = ANNOTATIONS.map(|name| format!("`{name}`")).join(", ");
        let message = format!("there is no annotation {key}; after `{PREFIX}`, write one of {known}");
        pods.finding(&path, message).as_(Severity::Error, "resources")
    };
    unknown.map(finding).collect()
}
