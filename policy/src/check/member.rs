//! Members with one value, and sets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Mismatch;
use crate::expectation::{Member, Set, Text, quoted};

/// What is said where a request says nothing.
pub(super) const NOTHING: &str = "nothing";

/// Every member that has another value.
pub(super) fn compare(members: &[Member], input: &Value) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for member in members {
        visit(input, &member.path, String::new(), &mut |path, value| {
            let of_nothing =
                value.is_none() && [Text::from("null"), Text::from("[]")].contains(&member.expected);
            if of_nothing || admits(&member.expected, value) {
                return;
            }
            let mut push = |path: String, expected: String, found: Option<&Value>| {
                let found = found.map_or_else(|| NOTHING.to_owned(), Value::to_string);
                mismatches.push(Mismatch { path, subject: member.subject.clone(), expected, found });
            };
            match (whole(&member.expected), value) {
                (Some(expected), Some(value)) => narrow(path, &expected, value, &mut push),
                _ => push(path, shown_text(&member.expected, value), value),
            }
        });
    }
    mismatches
}

/// What is expected, if it has members or items.
fn whole(expected: &Text) -> Option<Value> {
    let Text::Is(text) = expected else { return None };
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

/// The innermost members in which two values differ.
fn narrow(
    path: String,
    expected: &Value,
    found: &Value,
    push: &mut impl FnMut(String, String, Option<&Value>),
) {
    match (expected, found) {
        (Value::Object(members), Value::Object(others)) => {
            for (key, member) in members {
                let path = step(&path, key);
                match others.get(key) {
                    Some(other) => narrow(path, member, other, push),
                    None => push(path, member.to_string(), None),
                }
            }
            for (key, other) in others.iter().filter(|(key, _)| !members.contains_key(*key)) {
                push(step(&path, key), NOTHING.to_owned(), Some(other));
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                narrow(format!("{path}[{index}]"), item, other, push);
            }
        }
        _ if expected == found => {}
        _ => push(path, expected.to_string(), Some(found)),
    }
}

fn step(path: &str, key: &str) -> String {
    if key.contains(['.', '/']) { format!("{path}[{}]", quoted(key)) } else { format!("{path}.{key}") }
}

/// Every set that has other items, with what is missing and what is too many.
pub(super) fn compare_sets(sets: &[Set], input: &Value) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for set in sets {
        let found = items(input, &set.path);
        let elsewhere = set.or_in.as_ref().map(|path| items(input, path)).unwrap_or_default();
        let free = |item: &&String| !set.free.contains(*item);
        let missing: Vec<_> =
            set.items.difference(&found).filter(free).filter(|item| !elsewhere.contains(*item)).collect();
        let more: Vec<_> =
            found.difference(&set.items).filter(free).filter(|item| !may_be_more(set, item)).collect();
        if !missing.is_empty() || !more.is_empty() {
            mismatches.push(Mismatch {
                path: set.path.clone(),
                subject: set.subject.clone(),
                expected: format!("the set {}", braces(&set.items)),
                found: difference(&missing, &more),
            });
        }
    }
    mismatches
}

fn may_be_more(set: &Set, item: &str) -> bool {
    set.more.as_ref().is_some_and(|more| more.admits(item))
}

/// The items of a list. Capabilities come with or without their prefix.
fn items(input: &Value, path: &str) -> BTreeSet<String> {
    let list = path.split('.').try_fold(input, |value, key| value.get(key));
    let items = list.and_then(Value::as_array).into_iter().flatten().map(plain);
    items.map(|item| item.strip_prefix("CAP_").map(str::to_owned).unwrap_or(item)).collect()
}

/// Whether a value is as expected: a text as it is, anything else by its JSON.
pub(super) fn admits(expected: &Text, value: Option<&Value>) -> bool {
    value.is_some_and(|value| {
        // What was not set may also be there without anything in it.
        expected.admits(&plain(value)) || (*expected == Text::Is("null".to_owned()) && is_empty(value))
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().all(|member| match member {
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        }),
        _ => false,
    }
}

/// A text as it is, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shown_text(expected: &Text, value: Option<&Value>) -> String {
    match (expected, value) {
        // A number or truth value is expected without quotes where one is found.
        (
            Text::Is(text),
            Some(Value::Bool(_) | Value::Number(_) | Value::Null | Value::Array(_) | Value::Object(_)),
        ) => text.clone(),
        _ => expected.to_string(),
    }
}

fn braces(items: &BTreeSet<String>) -> String {
    format!("{{{}}}", items.iter().cloned().collect::<Vec<_>>().join(", "))
}

fn difference(missing: &[&String], more: &[&String]) -> String {
    let part = |items: &[&String], word: &str| {
        let items: Vec<_> = items.iter().map(|item| item.as_str()).collect();
        (!items.is_empty()).then(|| format!("{} {word}", items.join(", ")))
    };
    match (part(missing, "missing"), part(more, "too many")) {
        (Some(missing), Some(more)) => format!("{missing} and {more}"),
        (missing, more) => missing.or(more).unwrap_or_default(),
    }
}

/// Calls `seen` for every member that a path leads to; `None` where there is none. `[]` after a name stands for every item.
fn visit(value: &Value, path: &str, so_far: String, seen: &mut impl FnMut(String, Option<&Value>)) {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let (name, items) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
    let at = if so_far.is_empty() { name.to_owned() } else { format!("{so_far}.{name}") };
    let Some(member) = value.get(name) else {
        // A list that is not there has no items that could be wrong.
        if !items {
            seen(at, None);
        }
        return;
    };
    let mut next = |member: &Value, at: String| match rest {
        Some(rest) => visit(member, rest, at, seen),
        None => seen(at, Some(member)),
    };
    if items {
        for (index, item) in member.as_array().into_iter().flatten().enumerate() {
            next(item, format!("{at}[{index}]"));
        }
    } else {
        next(member, at);
    }
}
