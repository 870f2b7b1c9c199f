//! The difference of two manifests, value by value.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// One value that is not the same in both.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "change", rename_all = "camelCase")]
pub(crate) enum Change {
    /// Only the later manifest has it.
    Added { path: String, value: Value },
    /// Only the earlier manifest has it.
    Removed { path: String, value: Value },
    /// Both have it, with different values.
    Changed { path: String, before: Value, after: Value },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { path, value } => write!(f, "+ {path}: {value}"),
            Self::Removed { path, value } => write!(f, "- {path}: {value}"),
            Self::Changed { path, before, after } => write!(f, "~ {path}: {before} -> {after}"),
        }
    }
}

/// Everything that differs, in the order of the JSON paths.
pub(crate) fn compare(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    walk(String::new(), before, after, &mut changes);
    changes
}

fn walk(path: String, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                step(member(&path, name), old.get(name), new.get(name), changes);
            }
        }
        // Where order does not matter much: the list of an owner's keys, of names, of chips.
        (Value::Array(old), Value::Array(new)) if old.iter().chain(new).all(Value::is_string) => {
            let removed = old.iter().filter(|item| !new.contains(item));
            let added = new.iter().filter(|item| !old.contains(item));
            let count = changes.len();
            changes.extend(removed.map(|value| Change::Removed { path: path.clone(), value: value.clone() }));
            changes.extend(added.map(|value| Change::Added { path: path.clone(), value: value.clone() }));
            if changes.len() == count {
                changes.push(Change::Changed { path, before: before.clone(), after: after.clone() });
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for index in 0..old.len().max(new.len()) {
                step(format!("{path}[{index}]"), old.get(index), new.get(index), changes);
            }
        }
        _ => changes.push(Change::Changed { path, before: before.clone(), after: after.clone() }),
    }
}

fn step(path: String, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    match (before, after) {
        (Some(before), Some(after)) => walk(path, before, after, changes),
        (Some(value), None) => changes.push(Change::Removed { path, value: value.clone() }),
        (None, Some(value)) => changes.push(Change::Added { path, value: value.clone() }),
        (None, None) => {}
    }
}

/// Fixed names after a dot, policies and other keys in quotes, as everywhere in the documentation.
fn member(path: &str, name: &str) -> String {
    let fixed = name.chars().all(|c| c.is_ascii_alphanumeric()) && name.len() < 64 && !name.is_empty();
    match (fixed, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{name:?}]"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(before: Value, after: Value) -> Vec<String> {
        compare(&before, &after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_that_came_went_or_changed_are_told_apart() {
        let before = json!({ "A": 1, "B": { "C": true }, "D": "gone" });
        let after = json!({ "A": 2, "B": { "C": true, "E": null } });
        assert_eq!(shown(before, after), ["~ A: 1 -> 2", "+ B.E: null", "- D: \"gone\""]);
    }

    #[test]
    fn policies_are_named_by_their_hash() {
        let hash = "ab".repeat(32);
        let found =
            shown(json!({ "Policies": {} }), json!({ "Policies": { hash.clone(): { "SANs": ["web"] } } }));
        assert_eq!(found, [format!("+ Policies[\"{hash}\"]: {{\"SANs\":[\"web\"]}}")]);
    }

    #[test]
    fn texts_in_a_list_are_compared_as_a_set() {
        assert_eq!(
            shown(json!({ "S": ["a", "b"] }), json!({ "S": ["b", "c"] })),
            ["- S: \"a\"", "+ S: \"c\""]
        );
        let swapped = shown(json!({ "S": ["a", "b"] }), json!({ "S": ["b", "a"] }));
        assert_eq!(swapped, ["~ S: [\"a\",\"b\"] -> [\"b\",\"a\"]"]);
    }

    #[test]
    fn entries_in_a_list_are_compared_one_by_one() {
        let found = shown(json!({ "snp": [{ "P": 1 }] }), json!({ "snp": [{ "P": 2 }, { "P": 3 }] }));
        assert_eq!(found, ["~ snp[0].P: 1 -> 2", "+ snp[1]: {\"P\":3}"]);
    }

    #[test]
    fn equal_manifests_have_no_difference() {
        let manifest = json!({ "A": [1, { "B": null }] });
        assert!(compare(&manifest, &manifest).is_empty());
    }
}
