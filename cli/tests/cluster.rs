//! Commands that find their Coordinator in a cluster, whose API server may say anything.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output},
    sync::Arc,
    thread,
};

use serde_json::{Value, json};

/// What a cluster answers, by path.
type Answers = BTreeMap<&'static str, (u16, String)>;

/// An API server on this machine, without TLS, as `kubectl proxy` is one.
fn api_server(answers: Answers) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = Arc::new(answers);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answers = Arc::clone(&answers);
            thread::spawn(move || answer(stream, &answers));
        }
    });
    port
}

fn answer(mut stream: TcpStream, answers: &Answers) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let missing =
        (404, json!({ "kind": "Status", "code": 404, "message": format!("{path} not found") }).to_string());
    let (code, body) = answers.get(path).unwrap_or(&missing);
    let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

/// A folder with a kubeconfig for a server, and with a manifest.
fn workspace(port: u16) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "current-context": "c",
        "contexts": [{ "name": "c", "context": { "cluster": "k", "user": "", "namespace": "shop" } }],
        "clusters": [{ "name": "k", "cluster": { "server": format!("http://127.0.0.1:{port}") } }],
    });
    fs::write(folder.path().join("kubeconfig"), config.to_string()).unwrap();
    let zeros = |bytes: usize| "00".repeat(bytes);
    let simulated = json!({
        "Root": zeros(32), "ProductName": "Milan", "TrustedMeasurement": zeros(48),
        "MinimumTCB": { "BootloaderVersion": 0, "TEEVersion": 0, "SNPVersion": 0, "MicrocodeVersion": 0 },
        "GuestPolicy": { "SMT": true },
    });
    let manifest = json!({
        "Policies": { zeros(32): { "SANs": ["coordinator"], "Role": "coordinator" } },
        "ReferenceValues": { "simulated": [simulated] },
    });
    fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contrast"));
    command.args(arguments).current_dir(folder).env("KUBECONFIG", folder.join("kubeconfig"));
    command.env("HOME", folder).env_remove("CONTRAST_COORDINATOR").env_remove("KUBERNETES_SERVICE_HOST");
    command
}

fn contrast(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    told(command(folder, arguments).output().unwrap())
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn ok(value: &Value) -> (u16, String) {
    (200, value.to_string())
}

fn forbidden(what: &str) -> (u16, String) {
    let message = format!("{what} is forbidden: User \"u\" cannot list resource");
    (403, json!({ "kind": "Status", "code": 403, "reason": "Forbidden", "message": message }).to_string())
}

fn list(kind: &str, items: &Value) -> (u16, String) {
    ok(&json!({ "apiVersion": "v1", "kind": format!("{kind}List"), "metadata": {}, "items": items }))
}

fn service(kind: &str, ingress: &Value, port: u16) -> (u16, String) {
    ok(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "coordinator" },
        "spec": { "type": kind, "ports": [{ "name": "other", "port": 1 }, { "name": "userapi", "port": port }] },
        "status": { "loadBalancer": { "ingress": ingress } },
    }))
}

const SERVICE: &str = "/api/v1/namespaces/shop/services/coordinator";
const PODS: &str = "/api/v1/namespaces/shop/pods";
const EVENTS: &str = "/api/v1/namespaces/shop/events";
const NODES: &str = "/api/v1/nodes";
const CLASSES: &str = "/apis/node.k8s.io/v1/runtimeclasses";

#[test]
fn the_address_of_the_load_balancer_is_found_and_said() {
    // Somebody who accepts connections and hangs up.
    let coordinator = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = coordinator.local_addr().unwrap().port();
    thread::spawn(move || coordinator.incoming().for_each(drop));
    let ingress = json!([{ "hostname": "\u{1b}[31mevil" }, { "ip": "127.0.0.1" }]);
    let folder = workspace(api_server([(SERVICE, service("LoadBalancer", &ingress, port))].into()));
    for arguments in [
        &["attestation", "show", "-c", "kubernetes"][..],
        &["verify", "-c", "kubernetes:shop/coordinator"],
        &["history", "-c", "kubernetes:shop"],
    ] {
        let (code, _, stderr) = contrast(folder.path(), arguments);
        let line =
            format!("Coordinator at 127.0.0.1:{port}, the LoadBalancer of the Service shop/coordinator");
        assert!(code == 1 && stderr.lines().any(|it| it == line), "{stderr}");
    }
    let mut by_variable = command(folder.path(), &["verify"]);
    let (_, _, stderr) = told(by_variable.env("CONTRAST_COORDINATOR", "kubernetes").output().unwrap());
    assert!(stderr.contains("the LoadBalancer of the Service"), "{stderr}");
}

#[test]
fn where_no_way_leads_each_one_is_told_with_what_is_in_it() {
    let ingress = json!([{ "hostname": "\u{1b}[31mevil" }]);
    let own = json!([{
        "metadata": { "name": "coordinator-0" },
        "spec": { "runtimeClassName": "contrast-cc-metal-qemu-snp-00000000", "containers": [] },
        "status": { "phase": "Running" },
    }]);
    let folder = workspace(api_server(
        [(SERVICE, service("LoadBalancer", &ingress, 1313)), (PODS, list("Pod", &own))].into(),
    ));
    let (code, _, stderr) = contrast(folder.path(), &["verify", "-c", "kubernetes"]);
    assert_eq!(code, 1);
    for words in [
        "no way leads to the Coordinator of the Service shop/coordinator:",
        "the cluster gives it `\\u001b[31mevil`, which is no address",
        "port-forwarder-coordinator not found",
        "in a virtual machine",
        "help: make the Service one of type LoadBalancer",
    ] {
        assert!(stderr.contains(words), "{stderr}");
    }
    // Nothing of it is there: another thing to do.
    let folder = workspace(api_server([(PODS, list("Pod", &json!([])))].into()));
    let (_, _, stderr) = contrast(folder.path(), &["verify", "-c", "kubernetes"]);
    assert!(stderr.contains("help: apply the Coordinator first"), "{stderr}");
}

#[test]
fn a_set_waits_for_an_address_for_as_long_as_it_may() {
    let folder = workspace(api_server([(SERVICE, service("LoadBalancer", &json!([]), 1313))].into()));
    fs::write(folder.path().join("x.yaml"), POD).unwrap();
    let manifest = fs::read_to_string(folder.path().join("manifest.json")).unwrap();
    // SHA-256 of nothing: the policy of the pod.
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    fs::write(folder.path().join("manifest.json"), manifest.replacen(&"00".repeat(32), digest, 1)).unwrap();
    let set = ["set", "-c", "kubernetes", "--timeout", "3", "x.yaml"];
    let (code, _, stderr) = contrast(folder.path(), &set);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(stderr.matches("Waiting for a way to the Coordinator").count(), 1, "{stderr}");
    assert!(stderr.contains("given it no address yet"), "{stderr}");
}

const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: coordinator
  annotations:
    io.katacontainers.config.agent.policy: \"\"
spec:
  containers:
    - name: c
      image: i
";

#[test]
fn a_cluster_that_says_nonsense_is_shown_as_far_as_it_makes_sense() {
    let web = json!([{
        "metadata": { "name": "web\u{1b}[2J" },
        "spec": { "runtimeClassName": "contrast-cc", "containers": [] },
        "status": { "phase": "Pending" },
    }]);
    let folder = workspace(api_server(
        [
            (SERVICE, forbidden("services")),
            (PODS, list("Pod", &web)),
            (EVENTS, forbidden("events")),
            (NODES, (200, "<html>secret</html>".to_owned())),
            (CLASSES, (200, "x".repeat(65 << 20))),
        ]
        .into(),
    ));
    let (code, stdout, stderr) = contrast(folder.path(), &["status"]);
    assert_eq!(code, 5, "{stdout}{stderr}");
    for words in [
        "Coordinator     NOT REACHED",
        "REFUSED   web\\u001b[2J",
        "list events in namespace shop: why pods wait",
        "list nodes: which runtimes the nodes have (the API server sent what is no answer",
        "list runtimeclasses.node.k8s.io: which RuntimeClasses there are (the API server at",
        "The Coordinator is not attested.",
    ] {
        assert!(stdout.contains(words), "{words}\n{stdout}");
    }
    assert!(!stdout.contains("secret") && !stdout.contains('\u{1b}'), "{stdout}");
    let (code, stdout, _) = contrast(folder.path(), &["status", "--output", "json"]);
    let status: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &status["verdict"]), (5, &json!("not-attested")));
    assert_eq!(status["cluster"]["strangers"][0]["name"], json!("web\u{1b}[2J"));
}

#[test]
fn a_cluster_that_is_away_is_a_code_of_its_own_and_a_kubeconfig_that_is_missing_an_error() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = workspace(unused);
    let (code, stdout, _) = contrast(folder.path(), &["status"]);
    assert_eq!(code, 6, "{stdout}");
    assert!(
        stdout.contains("not reachable") && stdout.contains("-> look whether the cluster runs"),
        "{stdout}"
    );
    let (code, _, stderr) = contrast(folder.path(), &["status", "--context", "other"]);
    assert!(code == 1 && stderr.contains("no context `other`; it has `c`"), "{stderr}");
    let (code, _, stderr) = contrast(folder.path(), &["status", "--kubeconfig", "gone"]);
    assert!(code == 1 && stderr.contains("there is no kubeconfig (looked at gone)"), "{stderr}");
    assert!(stderr.contains("help: set KUBECONFIG"), "{stderr}");
}

#[test]
fn reference_values_of_simulated_processors_come_from_the_nodes() {
    let value = json!({ "Platform": "Simulated", "Root": "ab" });
    let nodes = json!([{ "metadata": {
        "name": "n1",
        "annotations": { "contrast.edgeless.systems/simulated-reference-value": value.to_string() },
        "labels": { "contrast.edgeless.systems/contrast-cc-simulated-00000000": "ready" },
    } }]);
    let folder = workspace(api_server([(NODES, list("Node", &nodes))].into()));
    let print = ["simulator", "reference-values", "-c", "kubernetes"];
    let (code, stdout, stderr) = contrast(folder.path(), &print);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("SIMULATED") && stderr.contains("the cluster says so"), "{stderr}");
    let printed: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(printed, json!({ "contrast-cc-simulated-00000000": { "simulated": [value] } }));
    let folder = workspace(api_server([(NODES, forbidden("nodes"))].into()));
    let (code, _, stderr) = contrast(folder.path(), &print);
    assert!(code == 1 && stderr.contains("nodes is forbidden") && stderr.contains("help: ask"), "{stderr}");
}

#[test]
fn a_workspace_of_somebody_else_names_no_kubeconfig() {
    let folder = workspace(1);
    for (command, option) in
        [("status", "kubeconfig"), ("verify", "kubeconfig"), ("simulator.reference-values", "context")]
    {
        fs::write(folder.path().join("contrast.toml"), format!("[{command}]\n{option} = \"x\"\n")).unwrap();
        let (code, _, stderr) = contrast(folder.path(), &["status"]);
        assert!(code == 1 && stderr.contains("is not taken from a file"), "{stderr}");
    }
}
