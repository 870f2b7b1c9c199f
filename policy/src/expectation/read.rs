//! Reads what a policy expects out of its own data: the rule `pod`, which all other rules compare with.

mod container;
mod host;

use regex::escape;
use serde_json::Value;

use super::{Expectations, Text};
use crate::engine::Engine;

/// The rule whose value describes the pod.
const RULE: &str = "pod";

/// A policy does not say what it expects in a form that is known here.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum UnknownForm {
    /// Another program made it.
    #[error("the policy was not made by this program: it has no rule {RULE} that describes a pod")]
    Foreign,
}

impl Expectations {
    /// What a policy expects.
    ///
    /// # Errors
    /// If the policy was not made by this program.
    pub fn of(engine: &mut Engine) -> Result<Self, UnknownForm> {
        let pod = engine.rule(RULE, Value::Null).unwrap_or_default();
        let (Some(sandbox), Some(containers)) = (pod.get("sandbox"), object(&pod, "containers")) else {
            return Err(UnknownForm::Foreign);
        };
        let containers = containers.map(|(name, entry)| container::read(name, entry, &pod)).collect();
        Ok(Self {
            pod_name: wanted(&pod, "name"),
            namespace: wanted(&pod, "namespace"),
            sandbox: container::read("", sandbox, &pod),
            containers,
            requests: host::read(engine, &pod),
        })
    }
}

/// What a text is to be: a member `value`, `pattern`, or `pin`, `like`, `before` and `after`.
fn text_of(wanted: &Value) -> Text {
    let member = |key: &str| wanted.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(value) = member("value") {
        Text::Is(value)
    } else if let Some(pattern) = member("pattern") {
        Text::Matches(pattern)
    } else if let Some(pin) = member("pin") {
        let text = |key| member(key).unwrap_or_default();
        Text::Pinned { pin, like: text("like"), before: text("before"), after: text("after") }
    } else {
        Text::Is(plain(wanted))
    }
}

fn wanted(of: &Value, key: &str) -> Text {
    text_of(of.get(key).unwrap_or(&Value::Null))
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_true(of: &Value, key: &str) -> bool {
    of.get(key) == Some(&Value::Bool(true))
}

fn object<'v>(of: &'v Value, key: &str) -> Option<impl Iterator<Item = (&'v str, &'v Value)>> {
    Some(of.get(key)?.as_object()?.iter().map(|(key, value)| (key.as_str(), value)))
}

fn members<'v>(of: &'v Value, key: &str) -> impl Iterator<Item = (&'v str, &'v Value)> {
    object(of, key).into_iter().flatten()
}

fn items<'v>(of: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn texts(of: &Value, key: &str) -> Vec<Text> {
    items(of, key).map(|item| Text::Is(plain(item))).collect()
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A reference to an image, or another one to the same digest.
fn of_digest(reference: &str, digest: &str) -> Text {
    Text::Matches(format!("^{}$|^[^@]+@{}$", escape(reference), escape(digest)))
}
