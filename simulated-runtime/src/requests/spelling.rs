//! The agent's names for members of the runtime specification.

use serde_json::{Map, Value};

/// The members of the specification with the agent's names. Maps with keys of any kind stay.
pub(super) fn capitalised(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| match key.as_str() {
                "sysctl" | "unified" => (first_upper(key), value.clone()),
                "uid" | "gid" | "cpu" => (key.to_uppercase(), capitalised(value)),
                "oomScoreAdj" => ("OOMScoreAdj".to_owned(), value.clone()),
                "uidMappings" => ("UIDMappings".to_owned(), capitalised(value)),
                "gidMappings" => ("GIDMappings".to_owned(), capitalised(value)),
                "kernelTCP" | "disableOOMKiller" | "hostID" | "containerID" => {
                    (first_upper(key), value.clone())
                }
                _ => (first_upper(key), capitalised(value)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(capitalised).collect(),
        _ => value.clone(),
    }
}

fn first_upper(key: &str) -> String {
    let mut characters = key.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// A text, or an empty one.
pub(super) fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
