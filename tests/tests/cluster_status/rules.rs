//! Namespaces with rules that pods of a deployment do not fit: a controller makes none, and `status` says which rule, and what to do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::place::Place;

/// Far beyond what anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A rule, what the API server says of it, and what `status` advises.
struct Rule {
    name: &'static str,
    /// An object of the namespace.
    object: Value,
    /// What is special about the pods.
    pod: Value,
    said: &'static str,
    advised: &'static str,
}

fn quota(hard: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "rule" }, "spec": { "hard": hard } })
}

fn rules(namespace: &str) -> [Rule; 5] {
    let limits = json!([{ "type": "Container", "max": { "memory": "10Mi" } }]);
    let secured = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    [
        Rule {
            name: "a quota of something that the pods do not say",
            object: quota(&json!({ "limits.cpu": "1" })),
            pod: json!({}),
            said: "failed quota: rule: must specify limits.cpu",
            advised: "raise the quota",
        },
        Rule {
            name: "a quota that is used up",
            object: quota(&json!({ "pods": "0" })),
            pod: json!({}),
            said: "exceeded quota: rule",
            advised: "raise the quota",
        },
        Rule {
            name: "a LimitRange that is below the pods' memory",
            object: json!({
                "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "rule" }, "spec": { "limits": limits },
            }),
            pod: json!({}),
            said: "maximum memory usage per Container is 10Mi",
            advised: "adapt the LimitRange",
        },
        Rule {
            name: "the restricted profile of PodSecurity",
            object: json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": secured },
            }),
            pod: json!({}),
            said: "violates PodSecurity \"restricted:latest\"",
            advised: "pod-security.kubernetes.io/enforce=privileged",
        },
        Rule {
            name: "no RuntimeClass",
            object: json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "rule" } }),
            pod: json!({ "runtimeClassName": "contrast-cc-none" }),
            said: "RuntimeClass \"contrast-cc-none\" not found",
            advised: "deploy/runtime-*.yml",
        },
    ]
}

/// The workload of the manifest, with a sidecar as `generate` makes it.
fn deployment(pod: &Value) -> Value {
    let container = |name: &str, capabilities: Value| {
        json!({
            "name": name, "image": name, "resources": { "limits": { "memory": "50Mi" } },
            "securityContext": { "capabilities": capabilities },
        })
    };
    let mut spec = json!({
        "containers": [
            container("web", json!({ "drop": ["ALL"] })),
            container("contrast-service-mesh", json!({ "add": ["NET_ADMIN"], "drop": ["ALL"] })),
        ],
    });
    spec.as_object_mut().unwrap().extend(pod.as_object().unwrap().clone());
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": spec },
        },
    })
}

#[test]
fn a_rule_of_the_namespace_that_keeps_pods_from_being_made_is_named_with_what_to_do() {
    let place = Place::new("status-rules");
    let _ = place.kubectl(&["delete", "pod", "web-1", "-n", place.namespace, "--now"]);
    for rule in rules(place.namespace) {
        place.apply(&rule.object);
        place.apply(&deployment(&rule.pod));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = place.contrast(&["status", "-c", &place.coordinator()]);
            // Lines are folded.
            let shown = answer.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            if shown.contains(rule.said) && shown.contains(rule.advised) {
                break;
            }
            assert!(Instant::now() < deadline, "{}: {}{}", rule.name, answer.stdout, answer.stderr);
        }
        let delete = ["-n", place.namespace, "--ignore-not-found", "--wait"];
        for what in ["deployment/web", "resourcequota/rule", "limitrange/rule"] {
            place.kubectl(&[&["delete", what], &delete[..]].concat());
        }
        place.kubectl(&[&["delete", "events", "--all"], &delete[..]].concat());
        let unlabelled = "pod-security.kubernetes.io/enforce-";
        place.kubectl(&["label", "namespace", place.namespace, unlabelled]);
    }
}
