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
        with_volumes.config.volumes = volumes.into_iter().map(str::to_owned).collect();
        let mut sorted = image();
        sorted.config.volumes = ["/a", "/b", "/c", "/d"].map(str::to_owned).into();
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
    spec["hostUsers"] = json!(false);
    let container = &mut spec["containers"][0];
    container["resources"] = json!({"limits": {"nvidia.com/gpu": 1, "cpu": 1}, "claims": [{"name": "fpga"}]});
    container["env"] = json!([
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "a"}}},
        {"name": "B", "value": "$(DB_SERVICE_HOST)"},
        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}},
    ]);
    container["volumeMounts"] = json!([
        {"name": "nothing", "mountPath": "/a"},
        {"name": "data", "mountPath": "/b", "subPath": "x"},
        {"name": "huge", "mountPath": "/c"},
    ]);
    let volumes = spec["volumes"].as_array_mut().unwrap();
    volumes.push(json!({"name": "huge", "emptyDir": {"medium": "HugePages-2Mi"}}));
    let problems: Vec<_> = generate(spec).unwrap_err().iter().map(ToString::to_string).collect();
    for start in [
        "hostPID: ",
        "hostUsers: the users of a confidential pod",
        "containers[0].resources: `nvidia.com/gpu` stands for a device",
        "containers[0].resources: `claims: fpga` stands for a device",
        "containers[0].env[0]: ConfigMap `web` has no key `a`",
        "containers[0].env[1]: `$(DB_SERVICE_HOST)` refers to",
        "containers[0].env[2].valueFrom.fieldRef: the field `spec.x`",
        "containers[0].volumeMounts[0]: there is no volume `nothing`",
        "containers[0].volumeMounts[1]: the runtime cannot mount a `subPath`",
        "containers[0].volumeMounts[2]: volume `huge`: an emptyDir of huge pages",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(start)), "{start}: {problems:#?}");
    }
    assert_eq!(problems.len(), 10, "{problems:#?}");
}

/// The first container with these variables, and what is wrong with them.
fn variables(env: Value, settings: &Settings) -> Result<Value, Vec<String>> {
    let mut spec = spec();
    spec["containers"][0]["env"] = env;
    spec["containers"][0]["command"] = json!(["/bin/web"]);
    match generate_with(spec, image(), settings) {
        Ok(policy) => Ok(known(policy.text())["env"].clone()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

#[test]
fn a_value_of_a_secret_stands_in_no_policy_unless_that_is_wanted() {
    let env = json!([{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]);
    let problems = variables(env.clone(), &Settings::default()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("the value of Secret `db` would stand in it"), "{problems:?}");
    assert!(!problems[0].contains("hunter2"));
    let wanted = Settings { secrets_in_policy: true, ..Settings::default() };
    assert_eq!(variables(env, &wanted).unwrap()["PASSWORD"], json!({"value": "hunter2"}));
}

#[test]
fn what_is_optional_and_missing_is_no_variable() {
    let reference = |kind: &str, optional: bool| {
        let mut source = json!({"name": "none", "key": "a"});
        source["optional"] = json!(optional);
        json!([{"name": "B", "valueFrom": {kind: source}}])
    };
    for (kind, object) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
        assert_eq!(variables(reference(kind, true), &Settings::default()).unwrap()["B"], Value::Null);
        let problems = variables(reference(kind, false), &Settings::default()).unwrap_err();
        assert!(problems[0].contains(&format!("{object} `none` is not among the files")), "{problems:?}");
    }
}

#[test]
fn what_the_cluster_says_is_narrowed_to_its_form() {
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    let env = json!([
        {"name": "NODE", "valueFrom": field("spec.nodeName")},
        {"name": "IP", "valueFrom": field("status.podIP")},
        {"name": "ACCOUNT", "valueFrom": field("spec.serviceAccountName")},
        {"name": "HASH", "valueFrom": field("metadata.labels['pod-template-hash']")},
        {"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
    ]);
    let known = variables(env, &Settings::default()).unwrap();
    assert_eq!(known["ACCOUNT"], json!({"value": "default"}));
    for (name, fine, wrong) in [
        ("NODE", "node-1.example", "-n; evil"),
        ("IP", "10.0.0.1", "evil.example"),
        ("IP", "fd00::1", "10.0.0.1\n"),
        ("HASH", "5d4f8c7b9", "a b"),
        ("CPUS", "2", "2m"),
    ] {
        let pattern = regex::Regex::new(known[name]["pattern"].as_str().unwrap()).unwrap();
        assert!(pattern.is_match(fine), "{name} {fine}");
        assert!(!pattern.is_match(wrong), "{name} {wrong}");
    }
}

#[test]
fn what_nobody_can_foresee_is_refused_with_what_to_do() {
    for (source, said) in [
        (json!({"fieldRef": {"fieldPath": "metadata.labels['none']"}}), "the pod has no label `none`"),
        (
            json!({"fieldRef": {"fieldPath": "metadata.annotations['none']"}}),
            "the pod has no annotation `none`",
        ),
        (
            json!({"fileKeyRef": {"volumeName": "data", "path": "env", "key": "A"}}),
            "the value stands in a file of a volume",
        ),
    ] {
        let problems =
            variables(json!([{"name": "A", "valueFrom": source}]), &Settings::default()).unwrap_err();
        assert!(problems[0].contains(said), "{problems:?}");
    }
}

#[test]
fn a_text_that_the_agent_cannot_read_is_refused() {
    let env = json!([{"name": "A", "value": "x".repeat(70_000)}]);
    let problems = variables(env, &Settings::default()).unwrap_err();
    assert!(problems[0].contains("the agent reads lines of at most 65536 characters"), "{problems:?}");
}

#[test]
fn a_policy_does_not_depend_on_the_one_before() {
    let with = |annotations: Value| {
        let mut spec = spec();
        spec["metadata"] = json!({"annotations": annotations});
        generate(spec).unwrap()
    };
    let own = with(json!({"io.katacontainers.x": "y"}));
    assert_ne!(own, with(json!({})));
    let again = with(json!({
        "io.katacontainers.x": "y",
        contrast_policy::initdata::ANNOTATION: "H4sI",
        contrast_policy::initdata::POLICY_ANNOTATION: "cGFja2FnZQ==",
    }));
    assert_eq!(own, again);
}

#[test]
fn variables_that_stand_for_each_other_again_and_again_are_refused_where_they_become_too_long() {
    let mut spec = spec();
    let doubling = (1..40).map(|number| {
        let before = number - 1;
        json!({"name": format!("V{number}"), "value": format!("$(V{before})$(V{before})")})
    });
    let first = json!({"name": "V0", "value": "x"});
    spec["containers"][0]["env"] = std::iter::once(first).chain(doubling).collect();
    let problems = generate(spec).unwrap_err();
    let said = problems.first().unwrap().to_string();
    assert!(said.starts_with("containers[0].env[17]: a value of 131072 bytes is too long"), "{said}");
}

#[test]
fn where_an_object_stood_for_a_function_is_not_in_its_policy() {
    let with = |more: Value| {
        let mut spec = spec();
        spec["metadata"] = json!({"annotations": {"example.com/note": "x"}});
        spec["metadata"]["annotations"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        generate(spec).unwrap()
    };
    let functions =
        json!({"config.kubernetes.io/index": "3", "internal.config.kubernetes.io/path": "a.yaml"});
    assert_eq!(with(functions), with(json!({})));
    assert_ne!(with(json!({"example.com/other": "3"})), with(json!({})));
}
