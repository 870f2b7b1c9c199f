//! From a patched workload and its images to its policy.

use std::collections::BTreeMap;

use contrast_policy::{Image, Part, Policy, Problem, Settings, Workload as Specified};
use contrast_resources::{Step, WorkloadKind};
use k8s_openapi::{
    api::core::v1::{ConfigMap, PersistentVolumeClaim, PodSpec, PodTemplateSpec, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    finding::{Finding, Severity},
    images::ImageFailure,
    manifest::Entry,
    resources::{Resources, Workload},
};

/// What policies are made from besides the workload itself.
pub(crate) struct Surroundings {
    /// What is in the images, by the text that workloads name them by.
    pub(crate) images: BTreeMap<String, Image>,
    /// ConfigMaps by namespace and name.
    pub(crate) config_maps: BTreeMap<String, BTreeMap<String, ConfigMap>>,
    /// Secrets by namespace and name.
    pub(crate) secrets: BTreeMap<String, BTreeMap<String, Secret>>,
}

impl Surroundings {
    /// The policy of a workload.
    pub(crate) fn policy(
        &self,
        resources: &Resources,
        workload: &Workload,
        settings: &Settings,
    ) -> Result<Policy, Vec<Finding>> {
        let object = resources.object(workload);
        let specified = object.and_then(|object| Specification::of(workload.kind, object));
        let Some(Specification { metadata, spec, claim_templates }) = specified else {
            let message = "it has no pod specification that can be read; correct it";
            return Err(vec![resources.finding(workload, &["spec"], message)]);
        };
        let none = (BTreeMap::new(), BTreeMap::new());
        let namespace = workload.namespace_name();
        let specified = Specified {
            naming: workload.naming(),
            namespace: workload.namespace.as_deref(),
            metadata: &metadata,
            spec: &spec,
            claim_templates: &claim_templates,
            images: &self.images,
            pause: settings.pause_image.as_ref().and_then(|name| self.images.get(name)),
            config_maps: self.config_maps.get(namespace).unwrap_or(&none.0),
            secrets: self.secrets.get(namespace).unwrap_or(&none.1),
        };
        Policy::generate(&specified, settings).map_err(|problems| {
            problems.iter().map(|problem| finding(resources, workload, problem)).collect()
        })
    }
}

/// A pod template in the types of the API.
struct Specification {
    metadata: ObjectMeta,
    spec: PodSpec,
    claim_templates: Vec<PersistentVolumeClaim>,
}

impl Specification {
    fn of(kind: WorkloadKind, object: &Value) -> Option<Self> {
        let template = PodTemplateSpec::deserialize(kind.template(object)?).ok()?;
        let claims = object.pointer("/spec/volumeClaimTemplates");
        let claim_templates = match claims {
            Some(claims) if kind == WorkloadKind::StatefulSet => Vec::deserialize(claims).ok()?,
            _ => Vec::new(),
        };
        Some(Self { metadata: template.metadata.unwrap_or_default(), spec: template.spec?, claim_templates })
    }
}

fn finding(resources: &Resources, workload: &Workload, problem: &Problem) -> Finding {
    let steps = problem.place.parts().map(|part| match part {
        Part::Member(name) => Step::Key(name),
        Part::Item(index) => Step::Item(index),
    });
    let path: Vec<_> = std::iter::once(Step::Key("spec")).chain(steps).collect();
    resources.finding_at(workload, &path, problem.to_string()).as_(Severity::Error, "policy")
}

/// The names of the images in a workload, each with its path in the template.
pub(crate) fn images_of(resources: &Resources, workload: &Workload) -> Vec<(String, [Step<'static>; 4])> {
    let spec = resources.template(workload).and_then(|template| template.get("spec"));
    let of_list = |list: &'static str| {
        let containers = spec.and_then(|spec| spec.get(list)?.as_array()).into_iter().flatten();
        containers.enumerate().filter_map(move |(index, container)| {
            let name = container.get("image")?.as_str()?.to_owned();
            Some((name, [Step::Key("spec"), Step::Key(list), Step::Item(index), Step::Key("image")]))
        })
    };
    ["initContainers", "containers"].into_iter().flat_map(of_list).collect()
}

/// Images that cannot be used, where the first of these workloads names each; or as something about the run if none does.
pub(crate) fn unusable<'w>(
    resources: &Resources,
    workloads: impl Iterator<Item = &'w Workload> + Clone,
    failures: &[ImageFailure],
) -> Vec<Finding> {
    let finding = |failure: &ImageFailure| {
        let place = workloads.clone().find_map(|workload| {
            let named = images_of(resources, workload).into_iter().find(|(name, _)| *name == failure.name);
            Some((workload, named?.1))
        });
        match place {
            Some((workload, path)) => {
                resources.finding_at(workload, &path, failure.to_string()).as_(Severity::Error, "images")
            }
            None => Finding::of_run(Severity::Error, "images", failure.to_string()),
        }
    };
    failures.iter().map(finding).collect()
}

/// Workloads that nobody could tell apart, since their pods have the same policy.
pub(crate) fn same_policies(resources: &Resources, entries: &[(&Workload, Entry)]) -> Vec<Finding> {
    let mut first: BTreeMap<[u8; 32], &Workload> = BTreeMap::new();
    let mut findings = Vec::new();
    for (workload, entry) in entries {
        if let Some(other) = first.insert(entry.digest, workload) {
            let message = format!(
                "its pods have the same policy as those of {other}, so that nobody could tell them apart; give one of the two another name or namespace"
            );
            findings.push(resources.finding(workload, &["metadata", "name"], message));
        }
    }
    findings
}
