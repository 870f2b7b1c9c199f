//! Requests that differ from an honest one in exactly one thing.

use serde_json::{Map, Value, json};

/// A request with one fault.
pub(crate) struct Fault {
    /// What was done to which member, such as `changed`.
    pub(crate) what: &'static str,
    /// The member, such as `OCI.Process.Args[1]`.
    pub(crate) path: String,
    /// The members of the request.
    pub(crate) members: Value,
}

/// Every request that differs from an honest one in one member: changed, dropped, added or repeated.
pub(crate) fn single_faults(honest: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    visit(honest, &mut Vec::new(), &mut |path, value| {
        for (what, faulty) in variants(value) {
            push(honest, path, what, faulty, &mut faults);
        }
    });
    faults
}

/// Every request that has one member of another container's.
pub(crate) fn swapped(honest: &Value, other: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    visit(honest, &mut Vec::new(), &mut |path, value| {
        let theirs = path.iter().try_fold(other, |value, step| step.of(value));
        // Only the outermost member that differs entirely, and leaves.
        if let Some(theirs) =
            theirs.filter(|theirs| *theirs != value && (!theirs.is_object() && !value.is_object()))
        {
            push(honest, path, "swapped", theirs.clone(), &mut faults);
        }
    });
    faults
}

/// A step into a value.
#[derive(Clone)]
enum Step {
    Key(String),
    Item(usize),
}

impl Step {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Key(key) => value.get(key),
            Self::Item(index) => value.get(index),
        }
    }

    fn of_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Self::Key(key) => value.get_mut(key),
            Self::Item(index) => value.get_mut(index),
        }
    }
}

fn visit(value: &Value, path: &mut Vec<Step>, seen: &mut impl FnMut(&[Step], &Value)) {
    seen(path, value);
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                path.push(Step::Key(key.clone()));
                visit(member, path, seen);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Item(index));
                visit(item, path, seen);
                path.pop();
            }
        }
        _ => {}
    }
}

fn variants(value: &Value) -> Vec<(&'static str, Value)> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(value) => vec![("changed", json!(!value))],
        Value::Number(value) => vec![("changed", json!(value.as_i64().unwrap_or_default() + 1))],
        Value::String(value) => {
            let mut variants = vec![("changed", json!(format!("{value}x")))];
            if !value.is_empty() {
                variants.push(("dropped", json!("")));
            }
            variants
        }
        Value::Array(items) => {
            let mut variants = Vec::new();
            for index in 0..items.len() {
                let mut rest = items.clone();
                rest.remove(index);
                variants.push(("dropped an item of", Value::Array(rest)));
            }
            if let Some(last) = items.last() {
                let mut more = items.clone();
                more.push(last.clone());
                variants.push(("repeated an item of", Value::Array(more)));
            }
            variants
        }
        Value::Object(members) => {
            let mut variants = Vec::new();
            if is_map(members) {
                let mut more = members.clone();
                more.insert("io.example.more".to_owned(), json!("x"));
                variants.push(("added to", Value::Object(more)));
                for key in members.keys() {
                    let mut rest = members.clone();
                    rest.remove(key);
                    variants.push(("dropped a member of", Value::Object(rest)));
                }
            }
            variants
        }
    }
}

/// Whether an object is a map with keys of any kind, as annotations and kernel parameters are.
fn is_map(members: &Map<String, Value>) -> bool {
    !members.is_empty() && members.keys().all(|key| key.contains(['.', '/']))
}

fn push(honest: &Value, path: &[Step], what: &'static str, faulty: Value, faults: &mut Vec<Fault>) {
    let mut members = honest.clone();
    if let Some(place) = path.iter().try_fold(&mut members, |value, step| step.of_mut(value)) {
        *place = faulty;
        faults.push(Fault { what, path: written(path), members });
    }
}

fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if key.contains(['.', '/']) => text.push_str(&format!("[{key:?}]")),
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
