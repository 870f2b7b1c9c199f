//! Kubernetes resources, as far as they make pods that have a policy.

use std::rc::Rc;

use contrast_resources::{Document, File, Object, WorkloadKind, objects};
use serde_json::Value;

use super::{AnnotationError, Located, PoliciesError, Workload, annotation};
use crate::output;

/// The workloads with a policy in one file.
pub(super) fn workloads(file: &Rc<File>) -> Result<Vec<Located>, PoliciesError> {
    let values: Vec<Value> = file.documents().iter().map(Document::value).cloned().collect();
    let mut workloads = Vec::new();
    for object in objects(&values) {
        workloads.extend(workload(file, &object)?);
    }
    Ok(workloads)
}

fn workload(file: &Rc<File>, object: &Object<'_>) -> Result<Option<Located>, PoliciesError> {
    let Some(kind) = WorkloadKind::of(object) else { return Ok(None) };
    let (_, kind_name) = kind.type_meta();
    let name = if object.name().is_empty() { "(no name)" } else { object.name() };
    let name = format!("{kind_name}/{name}");
    warn_of_misplaced(&name, file, kind, object.value);
    let policy = document(kind, object.value).map_err(|source| PoliciesError::Annotation {
        workload: name.clone(),
        file: file.name().into(),
        source,
    })?;
    Ok(policy.map(|policy| Located {
        workload: Workload { name, file: file.name().into(), policy },
        file: Rc::clone(file),
        address: object.address.clone(),
        kind,
    }))
}

type Form = (&'static str, fn(&str) -> Result<Vec<u8>, AnnotationError>);

/// Where there are both forms, the newer one is what the pod is launched with.
const FORMS: [Form; 2] = [(annotation::INITDATA, annotation::initdata), (annotation::REGO, annotation::rego)];

/// The policy document that the pods of an object have, if they have one.
pub(crate) fn document(kind: WorkloadKind, object: &Value) -> Result<Option<Vec<u8>>, AnnotationError> {
    let mut there = FORMS.iter().filter_map(|(key, read)| Some((kind.annotation(object, key)?, read)));
    let found = there.find(|(found, _)| found.on_template);
    found.map(|(found, read)| read(found.value)).transpose()
}

fn warn_of_misplaced(name: &str, file: &File, kind: WorkloadKind, object: &Value) {
    for (key, _) in FORMS {
        if kind.annotation(object, key).is_some_and(|found| !found.on_template) {
            output::warning(&format!(
                "{name} in {} has the annotation {key} on itself, where it has no effect: it belongs to its pod \
                 template ({}.metadata.annotations).",
                file.name(),
                kind.template_path().join(".")
            ));
        }
    }
}
