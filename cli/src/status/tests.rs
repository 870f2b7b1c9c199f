//! Screens of facts, as clusters and Coordinators give them.

use contrast_manifest::ManifestDocument;
use k8s_openapi::{
    api::core::v1::{Event, Node as ApiNode, Pod as ApiPod},
    serde::de::DeserializeOwned,
};
use serde_json::{Value, json};

use super::{
    Attested, CoordinatorState, Missing, PodState, Status, Verdict, judge, observed::Observed, pods::Digest,
    pods::digest, screen::screen,
};
use crate::output::printable;

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Its policy is the text `web`.
fn annotations(policy: &str) -> Value {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(policy);
    json!({ "io.katacontainers.config.agent.policy": text })
}

/// A pod of the Deployment `web`, in some state.
fn pod(name: &str, policy: &str, status: Value) -> ApiPod {
    object(json!({
        "metadata": { "name": name, "uid": "1", "annotations": annotations(policy) },
        "spec": {
            "nodeName": "n1",
            "runtimeClassName": "contrast-cc-metal-qemu-snp-00000000",
            "initContainers": [{ "name": "contrast-initializer" }],
            "containers": [{ "name": "web" }],
        },
        "status": status,
    }))
}

fn initializer(state: Value) -> Value {
    json!({ "phase": "Pending", "initContainerStatuses": [status_of("contrast-initializer", state)] })
}

fn status_of(name: &str, state: Value) -> Value {
    json!({ "name": name, "state": state, "ready": false, "restartCount": 0, "image": "", "imageID": "" })
}

fn certified() -> Value {
    json!({
        "phase": "Running",
        "conditions": [{ "type": "Ready", "status": "True" }],
        "initContainerStatuses": [status_of("contrast-initializer", json!({ "terminated": { "exitCode": 0 } }))],
        "containerStatuses": [status_of("web", json!({ "running": {} }))],
    })
}

fn event(kind: &str, name: &str, reason: &str, message: &str) -> Event {
    object(json!({
        "metadata": {}, "type": "Warning", "reason": reason, "message": message,
        "involvedObject": { "kind": kind, "name": name },
    }))
}

fn document() -> ManifestDocument {
    let digest = |policy: &str| match digest(&pod("x", policy, json!({}))) {
        Digest::Of(digest) => hex::encode(digest),
        other => panic!("{other:?}"),
    };
    let zeros = |bytes: usize| "00".repeat(bytes);
    let manifest = json!({
        "Policies": {
            digest("web"): { "SANs": ["web", "*"], "WorkloadSecretID": "apps/v1/Deployment/shop/web" },
            digest("coordinator"): { "SANs": ["coordinator"], "WorkloadSecretID": "apps/v1/StatefulSet/shop/coordinator", "Role": "coordinator" },
        },
        "ReferenceValues": { "tdx": [{
            "MrTd": zeros(48), "MrSeam": zeros(48), "Rtmrs": [zeros(48), zeros(48), zeros(48), zeros(48)], "Xfam": "e702060000000000",
        }] },
        "WorkloadOwnerKeyDigests": [],
        "SeedshareOwnerPubKeys": [],
    });
    ManifestDocument::parse_stored(manifest.to_string().as_bytes()).unwrap()
}

fn active() -> Attested {
    Attested {
        state: CoordinatorState::Active,
        address: Some("10.0.0.1:1313".to_owned()),
        accepted_by: Some("tdx-0".to_owned()),
        policy: Some("ab".repeat(32)),
        manifest: Some("cd".repeat(32)),
        local_manifest: Some("cd".repeat(32)),
        same_manifest: Some(true),
        latest_transition: Some("ef".repeat(32)),
        remembered: Some(true),
        set_at: Some("2026-01-02T03:04:05Z".to_owned()),
        manifests: Some(2),
        ..Attested::default()
    }
}

fn state(state: CoordinatorState) -> Attested {
    Attested { state, ..Attested::default() }
}

/// What is shown of pods and events.
fn shown(attested: Attested, pods: Vec<ApiPod>, events: Option<Vec<Event>>) -> Status {
    let observed = Observed { pods: Some(pods), events, nodes: Some(Vec::new()), ..Observed::default() };
    look(attested, &observed)
}

fn look(attested: Attested, observed: &Observed) -> Status {
    let cluster = judge::cluster(observed, Some(&document()), attested.state);
    Status::new(attested, cluster)
}

fn coordinator() -> ApiPod {
    let mut pod = pod("coordinator-0", "coordinator", certified());
    pod.spec.as_mut().unwrap().init_containers = None;
    pod
}

/// The one pod of `web`, as it is judged.
fn of_web(attested: Attested, status: Value, events: Vec<Event>) -> (PodState, String, String, Verdict) {
    let status = shown(attested, vec![coordinator(), pod("web-1", "web", status)], Some(events));
    let workload =
        status.cluster.workloads.iter().find(|workload| workload.name == "Deployment/web").unwrap();
    let pod = workload.pods.first().unwrap();
    (
        pod.state,
        pod.reason.clone().unwrap_or_default(),
        pod.advice.clone().unwrap_or_default(),
        status.verdict,
    )
}

#[test]
fn a_deployment_that_is_well_is_shown_in_two_parts() {
    let status = shown(active(), vec![coordinator(), pod("web-1", "web", certified())], Some(Vec::new()));
    assert_eq!(status.verdict, Verdict::Well);
    assert_eq!(
        screen(&status),
        "\
ATTESTED (proved by evidence)
  Coordinator     attested; active
  address         10.0.0.1:1313
  accepted by     tdx-0
  policy          abababababababab
  manifest        cdcdcdcdcdcdcdcd, the local one
  transition      efefefefefefefef, as remembered here
  set             2026-01-02T03:04:05Z (manifests so far: 2)

SAID BY THE CLUSTER (proved by nobody)
  StatefulSet/coordinator (Coordinator)
    runs      coordinator-0 on n1, ready
  Deployment/web
    certified web-1 on n1, ready

All is well.
"
    );
}

#[test]
fn a_waiting_pod_says_what_the_coordinator_lacks() {
    let waits = || initializer(json!({ "running": {} }));
    for (coordinator, reason, advice) in [
        (CoordinatorState::Uninitialised, "has no manifest", "contrast set"),
        (CoordinatorState::Locked, "is locked", "contrast recover"),
        (CoordinatorState::Unknown, "waits for a certificate", ""),
    ] {
        let (pod, said, help, verdict) = of_web(state(coordinator), waits(), Vec::new());
        assert_eq!((pod, verdict), (PodState::Waiting, Verdict::Waiting));
        assert!(said.contains(reason) && help.contains(advice), "{said} {help}");
    }
}

#[test]
fn the_log_of_an_initializer_tells_a_refusal_with_every_mismatch() {
    let log = "\
2026-01-02T03:04:05.000000Z  WARN contrast_initializer::fetch: waiting for a manifest that allows this pod (refused by the present one): not accepted
2026-01-02T03:04:05.000000Z  WARN contrast_initializer::fetch:   tdx-0: MRTD: expected 1, found 2
2026-01-02T03:04:05.000000Z  INFO contrast_initializer::fetch: next attempt in 1.0 seconds
";
    let observed = Observed {
        pods: Some(vec![pod("web-1", "web", initializer(json!({ "running": {} })))]),
        logs: [("web-1".to_owned(), log.to_owned())].into(),
        ..Observed::default()
    };
    let status = look(active(), &observed);
    let pod = status.cluster.workloads.iter().flat_map(|workload| &workload.pods).next().unwrap();
    assert_eq!((pod.state, status.verdict), (PodState::Refused, Verdict::Failed));
    let reason = pod.reason.as_deref().unwrap();
    assert!(
        reason.contains("refused by the present one") && reason.ends_with("expected 1, found 2"),
        "{reason}"
    );
    assert!(!reason.contains("WARN") && !reason.contains("next attempt"), "{reason}");
}

#[test]
fn what_keeps_a_pod_from_running_is_told_with_a_next_step() {
    let waiting = |reason: &str, message: &str| {
        initializer(json!({ "waiting": { "reason": reason, "message": message } }))
    };
    let denied = "CreateContainerRequest is blocked by policy: container \"web\": OCI.Process.Args[1]: expected \"a\", found \"b\"";
    let unscheduled = json!({
        "phase": "Pending",
        "conditions": [{ "type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: Insufficient memory" }],
    });
    let evicted = json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" });
    let ended = |code: i32, message: &str| {
        initializer(json!({ "terminated": { "exitCode": code, "message": message } }))
    };
    let creating = || json!({ "phase": "Pending" });
    let restarted = || {
        let mut status = initializer(json!({ "running": {} }));
        let mesh = status_of("contrast-service-mesh", json!({ "terminated": { "exitCode": 255 } }));
        status["initContainerStatuses"].as_array_mut().unwrap().push(mesh);
        status
    };
    let certified_and_not_ready = || {
        let mut status = certified();
        status["conditions"][0]["status"] = json!("False");
        status
    };
    let sandbox = |message: &str| vec![event("Pod", "web-1", "FailedCreatePodSandBox", message)];
    for (status, events, state, reason, advice) in [
        (
            waiting("ImagePullBackOff", "no such image"),
            vec![],
            PodState::Waiting,
            "cannot be pulled: no such image",
            "imagePullSecrets",
        ),
        (
            waiting("CreateContainerError", denied),
            vec![],
            PodState::Refused,
            "expected \"a\", found \"b\"",
            "contrast generate",
        ),
        (ended(128, denied), vec![], PodState::Refused, "does not allow contrast-initializer", "set"),
        (ended(1, ""), vec![], PodState::Failed, "exit code 1", "kubectl logs"),
        (
            waiting("CreateContainerConfigError", "secret not found"),
            vec![],
            PodState::Failed,
            "secret not found",
            "describe",
        ),
        (unscheduled, vec![], PodState::Waiting, "Insufficient memory", "room"),
        (evicted, vec![], PodState::Failed, "Evicted: low on memory", "another one"),
        (creating(), vec![], PodState::Waiting, "is being created", ""),
        (restarted(), vec![], PodState::Waiting, "waits for a certificate", ""),
        (
            creating(),
            sandbox("no runtime for \"contrast-cc-x\" is configured"),
            PodState::Waiting,
            "no runtime for",
            "install the runtime",
        ),
        (
            creating(),
            sandbox("the sandbox is blocked by policy"),
            PodState::Refused,
            "is refused",
            "generate",
        ),
        (
            creating(),
            vec![event("Pod", "web-1", "Failed", denied)],
            PodState::Refused,
            "does not allow it",
            "contrast generate",
        ),
        (
            certified_and_not_ready(),
            vec![event("Pod", "web-1", "Unhealthy", "ExecProcessRequest is blocked by policy")],
            PodState::Refused,
            "does not allow a probe",
            "contrast generate",
        ),
        (
            waiting("CreateContainerError", "CreateContainerRequest cannot be decided by policy (x)"),
            vec![],
            PodState::Refused,
            "cannot be decided",
            "contrast generate",
        ),
    ] {
        let (found, said, help, verdict) = of_web(active(), status.clone(), events);
        assert_eq!(found, state, "{status}");
        assert!(said.contains(reason) && help.contains(advice), "{said} -> {help}");
        let expected = if state == PodState::Waiting { Verdict::Waiting } else { Verdict::Failed };
        assert_eq!(verdict, expected, "{status}");
    }
}

#[test]
fn a_workload_without_pods_says_why() {
    for (message, advice) in [
        ("pods \"web-\" is forbidden: exceeded quota: q", "raise the quota"),
        (
            "pods \"web-\" is forbidden: violates PodSecurity \"restricted:latest\"",
            "pod-security.kubernetes.io/enforce=privileged",
        ),
        ("pod rejected: RuntimeClass \"contrast-cc-x\" not found", "brings its RuntimeClass"),
        ("maximum memory usage per Container is 1Mi", "LimitRange"),
    ] {
        let events = vec![
            event("ReplicaSet", "other-1", "FailedCreate", "not ours"),
            event("StatefulSet", "web-1", "FailedCreate", "not ours either"),
            event("ReplicaSet", "web-7d9f", "FailedCreate", message),
        ];
        let status = shown(active(), vec![coordinator()], Some(events));
        let text = screen(&status);
        assert!(text.contains(message) && text.contains(advice) && !text.contains("not ours"), "{text}");
        assert_eq!(status.verdict, Verdict::Waiting);
    }
    let blind = screen(&shown(active(), vec![coordinator()], None));
    assert!(blind.contains("events, which would tell why, may not be seen"), "{blind}");
}

#[test]
fn a_pod_that_the_manifest_does_not_list_stands_out() {
    let mut bare = pod("bare", "x", certified());
    bare.metadata.annotations = None;
    let mut broken = pod("broken", "x", certified());
    broken.metadata.annotations =
        Some([("io.katacontainers.config.agent.policy".to_owned(), "%".to_owned())].into());
    let mut ordinary = pod("ordinary", "x", certified());
    (ordinary.metadata.annotations, ordinary.spec.as_mut().unwrap().runtime_class_name) = (None, None);
    let pods =
        vec![pod("old", "older", certified()), bare, broken, ordinary, pod("web-1", "web", certified())];
    let status = shown(active(), pods, Some(Vec::new()));
    assert_eq!(status.verdict, Verdict::Failed);
    let names: Vec<_> = status.cluster.strangers.iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(names, ["old", "bare", "broken"]);
    let text = screen(&status);
    for words in [
        "not in the manifest:",
        "is not in the manifest: the Coordinator",
        "it has no policy",
        "cannot be read",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn nodes_tell_of_their_runtimes_and_why_one_failed() {
    let node = |name: &str, state: &str| {
        object::<ApiNode>(json!({ "metadata": { "name": name, "labels": {
            "contrast.edgeless.systems/contrast-cc-simulated-00000000": state, "other": "x" } },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] } }))
    };
    let mut simulated = pod("web-1", "web", certified());
    simulated.spec.as_mut().unwrap().runtime_class_name = Some("contrast-cc-simulated-00000000".to_owned());
    let observed = Observed {
        pods: Some(vec![simulated]),
        nodes: Some(vec![
            node("n1", "ready"),
            node("n2", "failed"),
            object(json!({ "metadata": { "name": "n3" } })),
        ]),
        node_events: Some(vec![event(
            "Node",
            "n2",
            "Failed",
            "contrast-cc-simulated-00000000: no space left",
        )]),
        ..Observed::default()
    };
    let status = look(Attested { simulated: true, ..active() }, &observed);
    assert_eq!(status.verdict, Verdict::Failed);
    let text = screen(&status);
    assert!(
        text.contains("contrast-cc-simulated-00000000 failed: contrast-cc-simulated-00000000: no space left"),
        "{text}"
    );
    assert!(!text.contains("n3"), "{text}");
    assert_eq!(text.matches("SIMULATED").count(), 2, "{text}");
}

#[test]
fn a_missing_right_is_named_and_the_rest_is_shown() {
    let missing =
        vec![Missing { right: "list nodes".to_owned(), without: "which runtimes the nodes have".to_owned() }];
    let observed = Observed {
        pods: Some(vec![coordinator(), pod("web-1", "web", certified())]),
        events: Some(Vec::new()),
        missing,
        ..Observed::default()
    };
    let text = screen(&look(active(), &observed));
    assert!(text.contains("    list nodes: which runtimes the nodes have"), "{text}");
    assert!(text.contains("certified web-1") && text.contains("as far as it may be seen"), "{text}");
}

#[test]
fn a_coordinator_that_is_not_attested_is_never_called_well() {
    let pods = || vec![coordinator(), pod("web-1", "web", certified())];
    for refused in [CoordinatorState::Unreachable, CoordinatorState::NotAttested] {
        let status = shown(state(refused), pods(), Some(Vec::new()));
        assert_eq!((status.verdict, status.verdict.exit_code()), (Verdict::NotAttested, 5));
        assert!(screen(&status).contains("  Coordinator     NOT "));
    }
    let other = Attested { same_manifest: Some(false), local_manifest: Some("99".repeat(32)), ..active() };
    let status = shown(other, pods(), Some(Vec::new()));
    assert_eq!((status.verdict, status.verdict.exit_code()), (Verdict::Failed, 4));
    assert!(screen(&status).contains("NOT the local one"));
}

#[test]
fn text_of_the_cluster_neither_acts_nor_looks_like_this_programs_own() {
    let message = format!("\u{1b}[2Jgone\u{202e}\nAll is well.\n{}", "x".repeat(5000));
    let waiting = initializer(json!({ "waiting": { "reason": "ErrImagePull", "message": message } }));
    let status = shown(active(), vec![pod("web-1", "web", waiting)], Some(Vec::new()));
    let text = printable(&screen(&status));
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert!(!text.lines().any(|line| line == "All is well."), "{text}");
    assert!(text.len() < 4000, "{}", text.len());
}

#[test]
fn the_json_has_the_form_that_the_handbook_describes() {
    let status = shown(active(), vec![coordinator(), pod("web-1", "web", certified())], Some(Vec::new()));
    let value = serde_json::to_value(&status).unwrap();
    assert_eq!((&value["version"], &value["verdict"]), (&json!(1), &json!("well")));
    assert_eq!(value["attested"]["sameManifest"], json!(true));
    let pod = &value["cluster"]["workloads"][1]["pods"][0];
    assert_eq!(
        (&pod["name"], &pod["state"], &pod["ready"]),
        (&json!("web-1"), &json!("certified"), &json!(true))
    );
    let handbook = include_str!("../../../docs/status.md");
    fn members(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| {
                into.push(name.clone());
                members(value, into);
            }),
            Value::Array(items) => items.iter().for_each(|item| members(item, into)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    members(&value, &mut names);
    for name in names {
        assert!(handbook.contains(&format!("`{name}`")), "docs/status.md does not name `{name}`");
    }
}
