//! What is made of pod specifications.

use serde_json::json;

use crate::honest::{generate, spec};

#[test]
fn the_same_pod_has_the_same_policy() {
    assert_eq!(generate(spec()).unwrap(), generate(spec()).unwrap());
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
