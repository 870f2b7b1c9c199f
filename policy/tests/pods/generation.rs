//! What is made of pod specifications.

use std::collections::BTreeMap;

use contrast_policy::{Engine, Settings};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::honest::{generate, generate_with, image, spec};

/// What the rules know of the container.
fn known(policy: &str) -> Value {
    Engine::load(policy).unwrap().rule("pod", Value::Null).unwrap()["containers"]["web"].clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_text_reaches_the_rules_as_it_is(
        texts in prop::collection::btree_map("[A-Z]{1,8}", "\\PC*|[\\x00-\\x7f]{0,40}|(\\$\\{|\"|\\\\|`|\n|\u{2028}|%s){0,9}", 1..5),
    ) {
        let mut spec = spec();
        spec["containers"][0]["env"] =
            texts.iter().map(|(name, value)| json!({"name": name, "value": value.replace('$', "$$")})).collect();
        spec["containers"][0]["command"] = texts.values().map(|text| json!(text.replace('$', "$$"))).collect();
        let policy = generate(spec).unwrap();
        let known = known(policy.text());
        for (name, value) in &texts {
            prop_assert_eq!(&known["env"][name]["value"], value);
        }
        let args: Vec<_> = texts.values().map(|text| json!({"value": text})).collect();
        prop_assert_eq!(&known["args"], &json!(args));
    }

    #[test]
    fn the_order_of_what_has_none_does_not_change_a_policy(
        order in Just((0..4).collect::<Vec<usize>>()).prop_shuffle(),
        volumes in Just(vec!["/a", "/b", "/c", "/d"]).prop_shuffle(),
    ) {
        let mut shuffled = spec();
        let all = spec()["volumes"].as_array().unwrap().clone();
        shuffled["volumes"] = order.iter().filter_map(|index| all.get(*index).cloned()).collect();
        let mut with_volumes = image();
        with_volumes.volumes = volumes.into_iter().map(str::to_owned).collect();
        let mut sorted = image();
        sorted.volumes = ["/a", "/b", "/c", "/d"].map(str::to_owned).into();
        let settings = Settings::default();
        prop_assert_eq!(
            generate_with(shuffled, with_volumes, &settings).unwrap(),
            generate_with(spec(), sorted, &settings).unwrap()
        );
    }
}

#[test]
fn names_of_pins_are_those_that_the_first_container_is_asked_for() {
    let mut spec = spec();
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    spec["containers"][0]["env"] = json!([
        {"name": "NAME", "valueFrom": field("metadata.name")},
        {"name": "NAMESPACE", "valueFrom": field("metadata.namespace")},
        {"name": "UID", "valueFrom": field("metadata.uid")},
        {"name": "URL", "value": "http://$(NAME).svc"},
        {"name": "BOTH", "value": "$(NAME)/$(UID)"},
    ]);
    let env = known(generate(spec).unwrap().text())["env"].clone();
    let pins: BTreeMap<_, _> = env
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(name, wanted)| Some((name.as_str(), wanted["pin"].as_str()?)))
        .collect();
    let expected =
        [("HOSTNAME", "name"), ("NAME", "name"), ("NAMESPACE", "namespace"), ("UID", "uid"), ("URL", "name")];
    assert_eq!(pins, BTreeMap::from(expected));
    assert_eq!((&env["URL"]["before"], &env["URL"]["after"]), (&json!("http://"), &json!(".svc")));
}

#[test]
fn everything_that_a_policy_cannot_stand_for_is_named_at_its_place() {
    let mut spec = spec();
    spec["hostPID"] = json!(true);
    let container = &mut spec["containers"][0];
    container["env"] = json!([
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "a"}}},
        {"name": "B", "value": "$(DB_SERVICE_HOST)"},
        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}},
    ]);
    container["volumeMounts"] = json!([
        {"name": "nothing", "mountPath": "/a"},
        {"name": "data", "mountPath": "/b", "subPath": "x"},
    ]);
    let problems: Vec<_> = generate(spec).unwrap_err().iter().map(ToString::to_string).collect();
    for start in [
        "hostPID: ",
        "containers[0].env[0]: ConfigMap `web` has no key `a`",
        "containers[0].env[1]: `$(DB_SERVICE_HOST)` refers to",
        "containers[0].env[2].valueFrom.fieldRef: the field `spec.x`",
        "containers[0].volumeMounts[0]: there is no volume `nothing`",
        "containers[0].volumeMounts[1]: the runtime cannot mount a `subPath`",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(start)), "{start}: {problems:#?}");
    }
    assert_eq!(problems.len(), 6, "{problems:#?}");
}
