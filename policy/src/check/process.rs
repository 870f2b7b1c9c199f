//! The command line and the variables of a process.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Mismatch, Subject,
    member::{self, NOTHING},
};
use crate::expectation::{Container, Text, quoted, quoted_list};

/// Every word of a command line that is not as expected.
pub(super) fn arguments(expected: &[Text], found: &[String], path: &str) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for index in 0..expected.len().max(found.len()) {
        let (expected, found) = (expected.get(index), found.get(index));
        let fits = match (expected, found) {
            (Some(expected), Some(found)) => expected.admits(found),
            _ => false,
        };
        if !fits {
            mismatches.push(Mismatch {
                path: format!("{path}[{index}]"),
                subject: Subject::Argument(index),
                expected: expected.map_or_else(|| NOTHING.to_owned(), Text::to_string),
                found: found.map_or_else(|| NOTHING.to_owned(), |found| quoted(found)),
            });
        }
    }
    mismatches
}

/// Every variable that is not as expected, is there twice, or is missing.
pub(super) fn variables(container: &Container, found: &[String], path: &str) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    let mut seen = BTreeMap::<&str, usize>::new();
    let mut replaced = BTreeSet::new();
    for (index, variable) in found.iter().enumerate() {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        let mut push = |expected: String| {
            mismatches.push(Mismatch {
                path: format!("{path}[{index}]"),
                subject: Subject::Variable(name.to_owned()),
                expected,
                found: quoted(variable),
            });
        };
        if is_replaced(container, name, value, found.get(index + 1..).unwrap_or_default())
            && replaced.insert(name)
        {
            continue;
        }
        if let Some(first) = seen.get(name) {
            push(format!("{name} only once, as at [{first}]"));
            continue;
        }
        seen.insert(name, index);
        if !variable.contains('=') {
            push("NAME=value".to_owned());
            continue;
        }
        match container.env.get(name) {
            Some(expected) if expected.value.admits(value) => {}
            Some(expected) => push(format!("{name} = {}", expected.value)),
            None if container.env_patterns.iter().any(|pattern| pattern.admits(variable)) => {}
            None => push(format!("no variable {name}")),
        }
    }
    for (name, expected) in &container.env {
        if expected.required && !seen.contains_key(name.as_str()) {
            mismatches.push(Mismatch {
                path: path.to_owned(),
                subject: Subject::Variable(name.clone()),
                expected: format!("{name} = {}", expected.value),
                found: NOTHING.to_owned(),
            });
        }
    }
    mismatches
}

/// Whether this is what the image says, with what the pod says after it.
fn is_replaced(container: &Container, name: &str, value: &str, later: &[String]) -> bool {
    let of_image = container.env.get(name).and_then(|expected| expected.of_image.as_deref());
    let other =
        |later: &String| later.split_once('=').is_some_and(|(later, other)| later == name && other != value);
    of_image == Some(value) && later.iter().any(other)
}

/// Why a further process may not run in a container.
pub(super) fn exec(container: &Container, input: &Value) -> Vec<Mismatch> {
    let process = input.get("process").unwrap_or(&Value::Null);
    let words = texts(process.get("Args"));
    // The command that it differs from least, so that one wrong word is told as one.
    let nearest = container.exec.iter().map(|command| arguments(command, &words, "process.Args"));
    let mut mismatches = match nearest.min_by_key(Vec::len) {
        Some(mismatches) => mismatches,
        None => vec![Mismatch {
            path: "process.Args".to_owned(),
            subject: Subject::Exec,
            expected: "no further process in this container".to_owned(),
            found: quoted_list(&words),
        }],
    };
    for mismatch in &mut mismatches {
        mismatch.subject = Subject::Exec;
    }
    mismatches.extend(variables(container, &texts(process.get("Env")), "process.Env"));
    mismatches.extend(member::compare(&container.exec_members, input));
    mismatches
}

/// The texts of a list.
pub(super) fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
