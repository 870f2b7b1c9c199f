//! The runtime is put on a real node, and taken away, with either containerd; and what becomes of the node when that goes wrong.

use std::{
    fs,
    time::{Duration, Instant},
};

use contrast_tests::{Cluster, Containerd, OwnCluster, UnpackedRelease};
use serde_json::{Value, json};

const HANDLER: &str = "contrast-cc-simulated-00000000";
const CONFIGURATION: &str = "/etc/containerd/config.toml";
const LABEL: &str = "contrast.edgeless.systems/contrast-cc-simulated-00000000";
/// Longest wait, far beyond what anything takes.
const PATIENCE: Duration = Duration::from_secs(180);
/// Lets containerd start with no configuration but that of before.
const REFUSAL: &str =
    "[Service]\nExecStartPre=/bin/sh -c \"! grep -q contrast-cc /etc/containerd/config.toml\"\n";

/// Others would not like what is done to its containerd.
struct Node {
    cluster: OwnCluster,
    release: UnpackedRelease,
    before: String,
    /// The container of a pod that runs from the beginning to the end.
    old: String,
}

impl Node {
    fn new(containerd: Containerd) -> Self {
        let cluster = OwnCluster::up(containerd);
        let release = UnpackedRelease::with_images(&cluster.path("release"), &["node-installer-simulated"]);
        release.bring_to(&cluster);
        let before = on_node(&cluster, &["cat", CONFIGURATION]);
        let mut node = Self { cluster, release, before, old: String::new() };
        node.start_pod("old", None);
        node.cluster.wait("pod/old", "condition=Ready");
        node.old = node.container("old");
        node
    }

    fn apply(&self, name: &str, limit: &str) {
        let text = fs::read_to_string(self.release.resources(name)).unwrap();
        let limit =
            format!("env:\n            - name: CONTRAST_RESTART_LIMIT\n              value: \"{limit}\"");
        self.cluster.apply(&text.replacen("env:", &limit, 1));
    }

    fn delete(&self, name: &str) {
        let path = self.release.resources(name);
        let _ =
            self.cluster.kubectl(&["delete", "--wait", "--ignore-not-found", "-f", path.to_str().unwrap()]);
    }

    fn wait_for_rollout(&self, suffix: &str) {
        let daemon_set = format!("daemonset/{HANDLER}-{suffix}");
        let rollout = ["-n", "kube-system", "rollout", "status", "--timeout=180s", &daemon_set];
        let output = self.cluster.try_kubectl(&rollout);
        assert!(output.status.success(), "{}", self.cluster.report());
    }

    fn start_pod(&self, name: &str, runtime: Option<&str>) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "default" },
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{ "name": "main", "image": "registry.k8s.io/pause:3.10" }],
            },
        });
        if let Some(runtime) = runtime {
            pod["spec"]["runtimeClassName"] = runtime.into();
        }
        self.cluster.apply(&pod.to_string());
    }

    fn container(&self, pod: &str) -> String {
        let path =
            "jsonpath={.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}";
        self.cluster.kubectl(&["get", "pod", pod, "-o", path])
    }

    fn metadata(&self) -> Value {
        let text = self.cluster.kubectl(&["get", "nodes", "-o", "json"]);
        serde_json::from_str::<Value>(&text).unwrap()["items"][0]["metadata"].take()
    }

    fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < end, "not {what}: {}", self.cluster.report());
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// What has to hold after everything: containerd runs, the old pod is the same, and a new one starts.
    fn is_well(&self, pod: &str) {
        assert_eq!(on_node(&self.cluster, &["systemctl", "is-active", "containerd.service"]), "active\n");
        self.start_pod(pod, None);
        self.cluster.wait(&format!("pod/{pod}"), "condition=Ready");
        assert_eq!(self.container("old"), self.old);
    }

    fn is_as_before(&self) {
        assert_eq!(on_node(&self.cluster, &["cat", CONFIGURATION]), self.before);
    }

    fn events(&self) -> String {
        self.cluster.kubectl(&[
            "get",
            "events",
            "-A",
            "-o",
            "jsonpath={range .items[*]}{.reason}: {.message}{\"\\n\"}{end}",
        ])
    }
}

fn on_node(cluster: &Cluster, command: &[&str]) -> String {
    let output = cluster.on_node(command[0]).args(&command[1..]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_runtime_comes_and_goes_on_containerd_2() {
    comes_and_goes(Containerd::Two);
}

#[test]
fn a_runtime_comes_and_goes_on_containerd_1_6() {
    comes_and_goes(Containerd::OneSix);
}

fn comes_and_goes(containerd: Containerd) {
    let node = Node::new(containerd);
    node.apply("runtime-simulated.yml", "60");
    node.wait_for_rollout("nodeinstaller");
    let metadata = node.metadata();
    assert_eq!(metadata["labels"][LABEL], "ready");
    let value =
        metadata["annotations"]["contrast.edgeless.systems/simulated-reference-value"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(value).unwrap()["Platform"], "Simulated");
    node.is_well("new");

    // The runtime is asked: it does not take a pod without a policy.
    node.start_pod("refused", Some(HANDLER));
    node.wait_until("refused", || node.events().contains("the pod has no policy"));

    // Once more: nothing to do, so containerd is left alone.
    let started = ["systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "containerd.service"];
    let since = on_node(&node.cluster, &started);
    let _ = node.cluster.kubectl(&[
        "-n",
        "kube-system",
        "rollout",
        "restart",
        &format!("daemonset/{HANDLER}-nodeinstaller"),
    ]);
    node.wait_for_rollout("nodeinstaller");
    assert_eq!(on_node(&node.cluster, &started), since);

    // Without the right to show its state, it installs all the same.
    let name = format!("{HANDLER}-nodeinstaller");
    let _ = node.cluster.kubectl(&["delete", "clusterrolebinding", &name]);
    let _ = node.cluster.kubectl(&["-n", "kube-system", "rollout", "restart", &format!("daemonset/{name}")]);
    node.wait_for_rollout("nodeinstaller");
    let log =
        node.cluster.kubectl(&["-n", "kube-system", "logs", &format!("daemonset/{name}"), "-c", "installer"]);
    assert!(
        log.contains("cannot show its state on the Node") && log.contains("is installed on this node"),
        "{log}"
    );

    let _ = node.cluster.kubectl(&["delete", "pod", "refused", "--wait"]);
    node.delete("runtime-simulated.yml");
    node.apply("runtime-simulated-uninstall.yml", "60");
    node.wait_for_rollout("nodeuninstaller");
    node.is_as_before();
    assert!(node.metadata()["labels"].get(LABEL).is_none());
    let left = on_node(
        &node.cluster,
        &["sh", "-c", "ls -d /opt/edgeless /var/lib/contrast /etc/containerd/*contrast*"],
    );
    assert_eq!(left, "");
    node.is_well("newer");
}

#[test]
fn a_node_whose_containerd_does_not_come_back_is_brought_back() {
    let node = Node::new(Containerd::Two);
    let folder = "/etc/systemd/system/containerd.service.d";
    let write = format!(
        "mkdir -p {folder}; printf '%s' '{}' >{folder}/refuse.conf; systemctl daemon-reload",
        REFUSAL.replace('\'', "'\\''")
    );
    on_node(&node.cluster, &["sh", "-c", &write]);

    // By the installer.
    node.apply("runtime-simulated.yml", "3");
    node.wait_until("failed", || node.metadata()["labels"][LABEL] == "failed");
    node.wait_until("told", || node.events().contains("containerd did not come back"));
    node.is_as_before();
    node.is_well("after-going-back");
    node.delete("runtime-simulated.yml");

    // By systemd, if the installer is killed meanwhile.
    on_node(&node.cluster, &["rm", "-rf", "/run/contrast"]);
    node.apply("runtime-simulated.yml", "60");
    let state = || on_node(&node.cluster, &["systemctl", "is-active", "containerd.service"]);
    node.wait_until("away", || state() != "active\n");
    let _ = node.cluster.kubectl(&[
        "delete",
        "--wait=false",
        "-n",
        "kube-system",
        "daemonset",
        &format!("{HANDLER}-nodeinstaller"),
    ]);
    on_node(&node.cluster, &["sh", "-c", "kill -9 $(pgrep -f '^/usr/bin/node-installer simulated')"]);
    // What its timer does some minutes later.
    on_node(&node.cluster, &["systemctl", "start", "contrast-node-installer-guard.service"]);
    node.wait_until("back", || state() == "active\n");
    node.is_as_before();
    node.is_well("after-the-guard");
}
