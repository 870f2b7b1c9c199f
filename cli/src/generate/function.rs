//! Resources in a `ResourceList`, as kustomize and kpt hand them to a function
//! (`config.kubernetes.io`, "KRM Functions Specification" 1.0): items, options in `functionConfig`, findings in `results`.

use std::ffi::OsString;

use serde_json::Value;

use super::finding::Finding;

/// `functionConfig` cannot be followed.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub(crate) enum FunctionError {
    /// An option of another type.
    #[error(
        "`functionConfig` gives the option `{0}` neither a text, a number, a boolean nor a list of these"
    )]
    Type(String),
}

/// Whether a document is a list of resources for a function.
pub(crate) fn is_resource_list(document: &Value) -> bool {
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    text("kind") == "ResourceList" && text("apiVersion").starts_with("config.kubernetes.io/")
}

/// The options in `functionConfig`, as they would stand on the command line: members of its `spec`, or of the `data` of a
/// ConfigMap, by their names without dashes.
pub(crate) fn options(list: &Value) -> Result<Vec<OsString>, FunctionError> {
    let config = list.get("functionConfig");
    let members = |name: &str| config.and_then(|config| config.get(name)).and_then(Value::as_object);
    let mut options = Vec::new();
    for (name, value) in members("data").into_iter().chain(members("spec")).flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            match value {
                Value::Bool(false) | Value::Null => {}
                Value::Bool(true) => options.push(format!("--{name}").into()),
                // A ConfigMap has texts only.
                Value::String(text) if text == "true" => options.push(format!("--{name}").into()),
                Value::String(text) if text == "false" => {}
                Value::String(text) => options.push(format!("--{name}={text}").into()),
                Value::Number(number) => options.push(format!("--{name}={number}").into()),
                Value::Array(_) | Value::Object(_) => return Err(FunctionError::Type(name.clone())),
            }
        }
    }
    Ok(options)
}

/// Puts findings into `results`, in place of what is there; nothing stays if there are none.
pub(crate) fn put_results(list: &mut Value, findings: &[Finding]) {
    let Some(members) = list.as_object_mut() else { return };
    members.remove("results");
    if !findings.is_empty() {
        members.insert("results".to_owned(), findings.iter().map(Finding::to_result).collect());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::generate::finding::Severity;

    #[test]
    fn options_come_from_a_config_map_or_from_a_specification_of_any_kind() {
        let list = json!({ "functionConfig": { "data": { "reference-values": "simulated", "check": "true", "initdata": "false" } } });
        assert_eq!(options(&list).unwrap(), ["--check", "--reference-values=simulated"]);
        let spec =
            json!({ "image-layout": ["a", "b"], "check": true, "initdata": false, "n": 1, "nothing": null });
        let list = json!({ "functionConfig": { "kind": "Generate", "spec": spec } });
        assert_eq!(options(&list).unwrap(), ["--check", "--image-layout=a", "--image-layout=b", "--n=1"]);
        assert_eq!(options(&json!({})).unwrap(), [""; 0]);
        let nested = json!({ "functionConfig": { "spec": { "a": { "b": 1 } } } });
        assert_eq!(options(&nested), Err(FunctionError::Type("a".to_owned())));
    }

    #[test]
    fn results_replace_older_ones() {
        let mut list = json!({ "kind": "ResourceList", "items": [], "results": [{ "message": "old" }] });
        put_results(&mut list, &[Finding::of_run(Severity::Warning, "manifest", "new")]);
        assert_eq!(list["results"], json!([{ "message": "new", "severity": "warning" }]));
        put_results(&mut list, &[]);
        assert_eq!(list.get("results"), None);
    }
}
