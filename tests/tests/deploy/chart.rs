//! The chart, rendered by Helm.

use std::{fs, path::Path};

use contrast_tests::helm;
use serde_json::Value;

use crate::{FILES, deploy, plain, values};

/// What the chart renders with these options, or why it does not; nothing if there is no Helm.
fn render(options: &[&str]) -> Option<Result<String, String>> {
    let folder = tempfile::tempdir().unwrap();
    let mut helm = helm()?;
    helm.args(["template", "contrast", "--kube-version", "1.37"]).arg(deploy("chart")).args(options);
    let output = helm.env("HOME", folder.path()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Some(if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) })
}

fn every_value() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/every-value.yaml").display().to_string()
}

#[test]
fn at_its_default_values_it_is_the_plain_files() {
    let Some(rendered) = render(&[]) else { return };
    assert_eq!(values(&rendered.unwrap()), plain("coordinator.yml"));
    let everything = ["--set", "shop.enabled=true,portForwarder.enabled=true,serviceMonitor.enabled=true"];
    let mut expected: Vec<Value> = FILES.iter().flat_map(|name| plain(name)).collect();
    expected.sort_by_key(|value| (value["kind"].to_string(), value["metadata"]["name"].to_string()));
    assert_eq!(values(&render(&everything).unwrap().unwrap()), expected);
}

#[test]
fn every_value_changes_what_is_rendered() {
    let text = fs::read_to_string(deploy("chart/values.yaml")).unwrap();
    let defaults = leaves(&values(&text)[0]);
    let others = leaves(&values(&fs::read_to_string(every_value()).unwrap())[0]);
    let names = |leaves: &[(String, Value)]| leaves.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&defaults), names(&others), "tests/deploy/every-value.yaml has to name every value");
    let Some(rendered) = render(&["--values", &every_value()]) else { return };
    let rendered = rendered.unwrap();
    for (name, value) in
        others.iter().filter(|(name, _)| !name.ends_with("enabled") && *name != "coordinator.metrics")
    {
        let shown = value.as_str().map_or_else(|| "CONTRAST_PEER_RECOVERY".to_owned(), str::to_owned);
        assert!(rendered.contains(&shown), "{name} has no effect");
    }
    let silent = render(&["--set", "coordinator.metrics=false"]).unwrap().unwrap();
    assert!(!silent.contains("CONTRAST_METRICS"));
}

/// All values that are not themselves objects with members of the chart's, with their names.
fn leaves(value: &Value) -> Vec<(String, Value)> {
    const FREE: [&str; 3] = ["annotations", "labels", "env"];
    let mut found = Vec::new();
    for (name, member) in value.as_object().unwrap() {
        match member {
            Value::Object(_) if !FREE.contains(&name.as_str()) => {
                found.extend(
                    leaves(member).into_iter().map(|(below, value)| (format!("{name}.{below}"), value)),
                );
            }
            Value::Object(members) => {
                let text = members.values().next().cloned().unwrap_or(Value::from("true"));
                found.push((name.clone(), text));
            }
            Value::Array(items) => {
                let text = items.first().map_or(Value::from(""), |item| item["name"].clone());
                found.push((name.clone(), text));
            }
            leaf => found.push((name.clone(), leaf.clone())),
        }
    }
    found
}

#[test]
fn values_that_mean_nothing_or_contradict_each_other_are_refused_by_name() {
    for (value, expected) in [
        ("coordinator.state.sise=2Gi", "sise"),
        ("coordinator.logLevel=loud", "logLevel"),
        ("coordinator.initialOwners=me", "initialOwners"),
        ("coordinator.state.whenDeleted=Keep", "whenDeleted"),
        ("runtimeClassName=kata", "runtimeClassName"),
        (
            "serviceMonitor.enabled=true,coordinator.metrics=false",
            "serviceMonitor.enabled needs coordinator.metrics",
        ),
    ] {
        let Some(refused) = render(&["--set", value]) else { return };
        let said = refused.unwrap_err();
        assert!(said.contains(expected), "{value}: {said}");
    }
}
