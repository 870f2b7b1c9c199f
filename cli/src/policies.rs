//! The policies of pods, found in Kubernetes resource files.

mod annotation;
mod resources;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    rc::Rc,
};

use contrast_manifest::Manifest;
use contrast_resources::{Address, File, WorkloadKind};
use sha2::{Digest, Sha256};

pub(crate) use annotation::{AnnotationError, is_initdata};
pub(crate) use resources::document;

use crate::{
    failure::Advice,
    resource_files::{self, ResourceFileError},
};

/// A pod, or what makes pods, with the policy in its annotations.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// `Kind/name`.
    pub(crate) name: String,
    /// The file that it stands in.
    pub(crate) file: PathBuf,
    /// The policy document.
    pub(crate) policy: Vec<u8>,
}

impl Workload {
    /// SHA-256 of the policy document: the pod's host data.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.policy).into()
    }
}

/// The policies of a deployment cannot be gathered.
#[derive(thiserror::Error, Debug)]
pub(crate) enum PoliciesError {
    /// The resource files cannot be read.
    #[error(transparent)]
    Files(#[from] ResourceFileError),
    /// A policy annotation is damaged.
    #[error("the policy of {workload} in {} cannot be read: {source}", file.display())]
    Annotation { workload: String, file: PathBuf, source: AnnotationError },
    /// Resources and manifest speak of different pods.
    #[error("the resources and the manifest do not have the same policies:{0}")]
    Mismatch(Mismatch),
}

impl Advice for PoliciesError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Files(error) => return error.advice(),
            Self::Annotation { .. } => "generate the resource's policy again".into(),
            Self::Mismatch(_) => {
                "generate the policies again, and give every file that they were generated into".into()
            }
        })
    }
}

/// SHA-256 of the policy document in the annotations of a pod; nothing if it has none.
pub(crate) fn digest(annotations: &BTreeMap<String, String>) -> Option<Result<[u8; 32], AnnotationError>> {
    let document = match (annotations.get(annotation::INITDATA), annotations.get(annotation::REGO)) {
        (Some(value), _) => annotation::initdata(value),
        (None, Some(value)) => annotation::rego(value),
        (None, None) => return None,
    };
    Some(document.map(|document| Sha256::digest(document).into()))
}

/// Policies that are on one side only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mismatch {
    /// Policies of the manifest that no resource has, each with its first name.
    pub(crate) without_resource: Vec<([u8; 32], String)>,
    /// Workloads whose policy is not in the manifest.
    pub(crate) not_in_manifest: Vec<([u8; 32], String)>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (digest, name) in &self.without_resource {
            write!(f, "\n  {} ({name}) is in the manifest, but no resource has it", hex::encode(digest))?;
        }
        for (digest, name) in &self.not_in_manifest {
            write!(f, "\n  {} is the policy of {name}, but is not in the manifest", hex::encode(digest))?;
        }
        Ok(())
    }
}

/// A workload, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    /// The workload.
    pub(crate) workload: Workload,
    /// Its file.
    pub(crate) file: Rc<File>,
    /// The object in it.
    pub(crate) address: Address,
    /// What the object is.
    pub(crate) kind: WorkloadKind,
}

/// Finds every workload with a policy in the resource files at `paths`, in the order of files and documents. `-` is
/// standard input. Files of a folder that are no resources are skipped with a warning; one that was named is an error.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<Workload>, PoliciesError> {
    Ok(find_located(paths)?.into_iter().map(|located| located.workload).collect())
}

/// The same as [`find`], with the places of the workloads.
pub(crate) fn find_located(paths: &[PathBuf]) -> Result<Vec<Located>, PoliciesError> {
    let mut workloads = Vec::new();
    for (_, file) in resource_files::read(paths)? {
        workloads.extend(resources::workloads(&Rc::new(file))?);
    }
    Ok(workloads)
}

/// The policy documents that `manifest` refers to, once each, in the order of `workloads`.
pub(crate) fn of_manifest(
    workloads: &[Workload],
    manifest: &Manifest,
) -> Result<Vec<Vec<u8>>, PoliciesError> {
    let mut found = BTreeSet::new();
    let mut policies = Vec::new();
    let mut not_in_manifest = Vec::new();
    for workload in workloads {
        let digest = workload.digest();
        if !manifest.policies.contains_key(&digest) {
            not_in_manifest.push((digest, format!("{} in {}", workload.name, workload.file.display())));
        } else if found.insert(digest) {
            policies.push(workload.policy.clone());
        }
    }
    let without_resource: Vec<_> = manifest
        .policies
        .iter()
        .filter(|(digest, _)| !found.contains(*digest))
        .map(|(digest, entry)| (*digest, entry.sans.first().cloned().unwrap_or_else(|| "no name".to_owned())))
        .collect();
    if without_resource.is_empty() && not_in_manifest.is_empty() {
        return Ok(policies);
    }
    Err(PoliciesError::Mismatch(Mismatch { without_resource, not_in_manifest }))
}
