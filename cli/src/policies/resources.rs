//! Kubernetes resources, as far as they make pods that have a policy.

use std::rc::Rc;

use contrast_resources::{Document, File, Object, WorkloadKind, objects};
use serde_json::Value;

use super::{Located, PoliciesError, Workload, annotation};
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
    // Where there are both forms, the newer one is what the pod is launched with.
    let forms: [(_, fn(&str) -> _); 2] =
        [(annotation::INITDATA, annotation::initdata), (annotation::REGO, annotation::rego)];
    for (key, read) in forms {
        match kind.annotation(object.value, key) {
            Some(found) if found.on_template => {
                let policy = read(found.value).map_err(|source| PoliciesError::Annotation {
                    workload: name.clone(),
                    file: file.name().into(),
                    source,
                })?;
                return Ok(Some(Located {
                    workload: Workload { name, file: file.name().into(), policy },
                    file: Rc::clone(file),
                    address: object.address.clone(),
                    kind,
                }));
            }
            Some(_) => output::warning(&format!(
                "{name} in {} has the annotation {key} on itself, where it has no effect: it belongs to its pod \
                 template ({}.metadata.annotations).",
                file.name(),
                kind.template_path().join(".")
            )),
            None => {}
        }
    }
    Ok(None)
}
