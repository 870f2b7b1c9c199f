//! Waiting until a node does what it is for, and what `kubeadm init` would create besides.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{
    node::{self, Node},
    place::Place,
    problem::Problem,
};
use crate::{failure::Failure, workspace};

/// For each thing that is waited for; far beyond what anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(300);

/// Waits for the API server, gives the node its images and the cluster its DNS and storage, and waits until pods run.
///
/// # Errors
/// When the node ends, or something does not happen in time.
pub(super) fn wait(place: &Place, node: &Node, path: &str) -> Result<(), Failure> {
    let until = |what, ask: &dyn Fn() -> Command| until(place, node, what, ask);
    let kubectl = |arguments: &[&str]| kubectl(place, node, path, arguments);
    until("the API server", &|| kubectl(&["get", "--raw", "/readyz"]))?;
    for image in workspace::list(&place.path("files/images"))? {
        let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
        until("containerd", &|| {
            let mut command = node.on_it("ctr");
            command
                .args(["--namespace", "k8s.io", "images", "import"])
                .arg(format!("/opt/cluster/images/{name}"));
            command
        })?;
    }
    for manifest in ["admins.yaml", "dns.yaml", "storage.yaml"] {
        let file = workspace::root().join("tests/cluster").join(manifest).to_string_lossy().into_owned();
        until(manifest, &|| kubectl(&["apply", "--filename", &file]))?;
    }
    until("the default service account", &|| kubectl(&["get", "serviceaccount", "default"]))?;
    until("the node", &|| kubectl(&["wait", "--for=condition=Ready", "node/node", "--timeout=5s"]))?;
    // Asked itself: what the API server says of pods may be from before a restart.
    until("DNS", &|| {
        let mut command = node.on_it("busybox");
        command.args(["nslookup", "kubernetes.default.svc.cluster.local", "10.96.0.10"]);
        command
    })
}

/// Has the API server forget that the node was ready before it was restarted. kubelet will say so again.
///
/// # Errors
/// As [`wait`].
pub(super) fn forget(place: &Place, node: &Node, path: &str) -> Result<(), Failure> {
    let unknown = r#"{"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}}"#;
    until(place, node, "the API server", &|| {
        kubectl(place, node, path, &["patch", "node", "node", "--subresource=status", "--patch", unknown])
    })
}

/// As whoever nobody has to give rights first.
fn kubectl(place: &Place, node: &Node, path: &str, arguments: &[&str]) -> Command {
    let mut command = node.in_network(place, path, "kubectl");
    command.env("KUBECONFIG", place.path("pki/super-admin.conf")).args(arguments);
    command
}

/// Asks until the answer is yes.
fn until(place: &Place, node: &Node, what: &'static str, ask: &dyn Fn() -> Command) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        let output = ask().output().map_err(|cause| Failure::Start { program: "nsenter".into(), cause })?;
        if output.status.success() {
            println!("  {what} after {:.1} s", begun.elapsed().as_secs_f64());
            return Ok(());
        }
        if !node.runs() {
            return Err(node::ended(&place.path("log/init.log")).into());
        }
        if begun.elapsed() > PATIENCE {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().last().unwrap_or_default().to_owned();
            return Err(
                Problem::Late { what, seconds: PATIENCE.as_secs(), logs: place.path("log"), said }.into()
            );
        }
        thread::sleep(PAUSE);
    }
}
