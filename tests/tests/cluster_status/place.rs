//! A namespace with everything that `contrast status` looks at, and somebody who may see it.

use std::{
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contrast_tests::{Answer, Cluster, Containerd, policy_digest};
use serde_json::{Value, json};

/// The policy of the pod.
const POLICY: &[u8] = b"package agent_policy";
/// The page of the handbook with the role that has all rights.
const HANDBOOK: &str = include_str!("../../../docs/status.md");
/// Who asks.
const READER: &str = "reader";

/// One test at a time: one of them takes the API server away.
static ALONE: Mutex<()> = Mutex::new(());

/// A namespace of a cluster, and a workspace. Goes with the test.
pub(crate) struct Place {
    _alone: MutexGuard<'static, ()>,
    pub(crate) cluster: Cluster,
    pub(crate) namespace: &'static str,
    pub(crate) workspace: tempfile::TempDir,
}

impl Place {
    /// Makes the namespace: a Service without an address, a port-forwarder that claims to be ready, a workload pod whose
    /// Initializer claims to run, and a runtime that claims to be there. None of them gets onto a node.
    pub(crate) fn new(namespace: &'static str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = Cluster::up(Containerd::Two);
        let place = Self { _alone: alone, cluster, namespace, workspace: tempfile::tempdir().unwrap() };
        place.remove();
        place.kubectl(&["create", "namespace", namespace]);
        place.kubectl(&["create", "serviceaccount", READER, "-n", namespace]);
        place.make_objects();
        let zeros = |bytes: usize| "00".repeat(bytes);
        let simulated = json!({
            "Root": zeros(32), "ProductName": "Milan", "TrustedMeasurement": zeros(48),
            "MinimumTCB": { "BootloaderVersion": 0, "TEEVersion": 0, "SNPVersion": 0, "MicrocodeVersion": 0 },
            "GuestPolicy": { "SMT": true },
        });
        let manifest = json!({
            "Policies": {
                policy_digest(POLICY): { "SANs": ["web"], "WorkloadSecretID": format!("apps/v1/Deployment/{namespace}/web") },
                policy_digest(b"coordinator"): { "SANs": ["coordinator"], "Role": "coordinator" },
            },
            "ReferenceValues": { "simulated": [simulated] },
        });
        fs::write(place.workspace.path().join("manifest.json"), manifest.to_string()).unwrap();
        place.allow(|_| true);
        place.write_kubeconfig();
        place
    }

    /// What `contrast` says to the reader.
    pub(crate) fn contrast(&self, arguments: &[&str]) -> Answer {
        let plain = Answer::command(self.workspace.path(), arguments);
        Answer::of(self.in_network(&plain))
    }

    /// The command, in the node's network and by the reader's kubeconfig.
    pub(crate) fn in_network(&self, command: &std::process::Command) -> std::process::Command {
        let mut inside = self.cluster.command("env");
        inside.arg(format!("KUBECONFIG={}", self.kubeconfig().display()));
        inside.arg(command.get_program()).args(command.get_args()).current_dir(self.workspace.path());
        inside
    }

    /// What `status` says, as JSON.
    pub(crate) fn status(&self) -> Value {
        let answer = self.contrast(&["status", "-c", &self.coordinator(), "--output", "json"]);
        serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}{}", answer.stdout, answer.stderr))
    }

    pub(crate) fn coordinator(&self) -> String {
        format!("kubernetes:{}", self.namespace)
    }

    /// Gives the reader the rights of the handbook's role that `keep` keeps: those to some resources.
    pub(crate) fn allow(&self, keep: impl Fn(&str) -> bool) {
        let block = HANDBOOK.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let mut rules = Vec::new();
        for rule in block.split("\n  - ").skip(1) {
            let list = |key: &str| {
                let line = rule.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
                let items = line.trim().trim_matches(['[', ']']).split(", ");
                items.map(|item| item.trim_matches('"').to_owned()).collect::<Vec<_>>()
            };
            let resources: Vec<_> =
                list("resources:").into_iter().filter(|resource| keep(resource)).collect();
            if !resources.is_empty() {
                rules.push(json!({ "apiGroups": list("apiGroups:"), "resources": resources, "verbs": list("verbs:") }));
            }
        }
        assert!(rules.len() > 1, "{block}");
        let name = format!("contrast-status-{}", self.namespace);
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": name }, "rules": rules,
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": READER, "namespace": self.namespace }],
        });
        self.cluster.apply(&format!("{role}\n---\n{binding}"));
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.kubectl(arguments)
    }

    /// Makes or changes an object of the namespace, or the namespace itself.
    pub(crate) fn apply(&self, object: &Value) {
        let mut object = object.clone();
        if object["kind"] != "Namespace" {
            object["metadata"]["namespace"] = json!(self.namespace);
        }
        self.cluster.apply(&object.to_string());
    }

    /// A pod that stays where it is, with a status that somebody claims.
    pub(crate) fn make_pod(&self, name: &str, annotations: &Value, status: &Value) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": self.namespace, "annotations": annotations },
            "spec": {
                "schedulingGates": [{ "name": "test.example/stays" }],
                "serviceAccountName": READER,
                "automountServiceAccountToken": false,
                "initContainers": [{ "name": "contrast-initializer", "image": "initializer" }],
                "containers": [{ "name": "web", "image": "web", "ports": [{ "name": "userapi", "containerPort": 1313 }] }],
            },
        });
        self.cluster.apply(&pod.to_string());
        let patch = json!({ "status": status }).to_string();
        let patch = [
            "patch",
            "pod",
            name,
            "-n",
            self.namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ];
        self.kubectl(&patch);
    }

    fn make_objects(&self) {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "coordinator", "namespace": self.namespace },
            "spec": { "selector": { "app": "coordinator" }, "ports": [{ "name": "userapi", "port": 1313 }] },
        });
        let class = json!({
            "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": { "name": self.class() }, "handler": "runc",
        });
        self.cluster.apply(&format!("{service}\n---\n{class}"));
        let ready = json!({ "conditions": [{ "type": "Ready", "status": "True" }] });
        self.make_pod("port-forwarder-coordinator", &json!({}), &ready);
        let policy = json!({ "io.katacontainers.config.agent.policy": STANDARD.encode(POLICY) });
        let waits = json!({ "conditions": [{ "type": "PodScheduled", "status": "True" }], "initContainerStatuses": [{
            "name": "contrast-initializer", "image": "initializer", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "running": { "startedAt": "2026-01-02T03:04:05Z" } },
        }] });
        self.make_pod("web-1", &policy, &waits);
    }

    fn class(&self) -> String {
        format!("contrast-cc-{}-00000000", self.namespace)
    }

    fn kubeconfig(&self) -> std::path::PathBuf {
        self.workspace.path().join("kubeconfig")
    }

    fn write_kubeconfig(&self) {
        let token = self.kubectl(&["create", "token", READER, "-n", self.namespace]);
        write_kubeconfig(&self.cluster, &self.kubeconfig(), token.trim());
    }

    fn remove(&self) {
        let name = format!("contrast-status-{}", self.namespace);
        for (kind, name) in [
            ("namespace", self.namespace),
            ("clusterrolebinding", &name),
            ("clusterrole", &name),
            ("runtimeclass", &self.class()),
        ] {
            self.kubectl(&["delete", kind, name, "--ignore-not-found"]);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.remove();
        }
    }
}

/// The administrator's kubeconfig, with the token of somebody else.
pub(crate) fn write_kubeconfig(cluster: &Cluster, file: &Path, token: &str) {
    let admin = cluster.kubectl(&["config", "view", "--raw", "--flatten", "--output", "json"]);
    let mut config: Value = serde_json::from_str(&admin).unwrap();
    config["users"][0]["user"] = json!({ "token": token });
    fs::write(file, config.to_string()).unwrap();
}
