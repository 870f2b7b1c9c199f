//! A real Kubernetes with one node on this machine (`cargo xtask cluster`), for tests.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::programs::{program, workspace_root};

/// Longest wait for a condition; far beyond what anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Which containerd runs on the node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Containerd {
    /// Version 2.
    Two,
    /// That of Debian 12.
    OneSix,
}

/// A cluster that runs. It goes on when this is dropped: it takes some time to start, and tests share it.
pub struct Cluster {
    containerd: Containerd,
    /// Where its files are, if not where they are by default.
    folder: Option<PathBuf>,
    /// Where `kubectl` looks and puts things, if not in `default`.
    namespace: Option<String>,
}

impl Cluster {
    /// The cluster of this work tree with this containerd; it is started unless it runs.
    ///
    /// # Panics
    /// When it cannot be started: its own words say why, and what to do.
    #[must_use]
    pub fn up(containerd: Containerd) -> Self {
        Self { containerd, folder: None, namespace: None }.started()
    }

    /// A cluster in a folder of its own; it is started unless it runs.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn up_in(folder: &Path, containerd: Containerd) -> Self {
        Self { containerd, folder: Some(folder.to_owned()), namespace: None }.started()
    }

    /// The same cluster, with another namespace for kubectl, which need not exist.
    #[must_use]
    pub fn in_namespace(self, name: &str) -> Self {
        Self { namespace: Some(name.to_owned()), ..self }
    }

    fn started(self) -> Self {
        succeed(&mut self.xtask("up"));
        self
    }

    /// Ends it, with all that belongs to it.
    ///
    /// # Panics
    /// When something is left.
    pub fn down(self) {
        succeed(&mut self.xtask("down"));
    }

    /// Ends the node's processes and starts it again on its own disk.
    ///
    /// # Panics
    /// When it does not come up again.
    pub fn restart(&self) {
        succeed(&mut self.xtask("restart"));
    }

    /// Brings an image, the folder or archive of an OCI layout, to the node, which finds it under its name and under its digest,
    /// whatever registry the name has.
    ///
    /// # Panics
    /// When the registry does not take it.
    pub fn push(&self, layout: &Path, name: &str) {
        succeed(self.xtask("push").arg(layout).arg(name));
    }

    /// A command with this machine's files, in the node's network, with `KUBECONFIG` set and kubectl, helm and kustomize in `PATH`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.xtask("run");
        command.arg("--").arg(program);
        command
    }

    /// A command on the node itself, as its root.
    pub fn on_node(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.xtask("node");
        command.arg("--").arg(program);
        command
    }

    /// What kubectl prints.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        succeed(self.namespaced().args(arguments))
    }

    /// What kubectl prints, and whether it fails.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn try_kubectl(&self, arguments: &[&str]) -> Output {
        self.namespaced().args(arguments).output().expect("xtask can be started")
    }

    /// Creates or changes what the YAML says.
    ///
    /// # Panics
    /// When the API server refuses it.
    pub fn apply(&self, yaml: &str) {
        let mut command = self.namespaced();
        command
            .args(["apply", "--server-side", "--filename", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("xtask can be started");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(yaml.as_bytes()).expect("kubectl reads it");
        drop(stdin);
        let output = child.wait_with_output().expect("it can be waited for");
        assert!(output.status.success(), "{yaml}\n{}", both(&output));
    }

    /// Waits, watching, for a condition in the words of `kubectl wait --for`, such as `condition=Ready`, `delete` or
    /// `jsonpath={.status.phase}=Bound`.
    ///
    /// # Panics
    /// When it does not come true: with what the cluster says about its pods.
    pub fn wait(&self, what: &str, condition: &str) {
        let (seconds, condition) =
            (format!("--timeout={}s", PATIENCE.as_secs()), format!("--for={condition}"));
        self.wait_with(&["wait", &condition, &seconds, what]);
    }

    /// Waits until all pods of a Deployment, StatefulSet or DaemonSet are new and ready.
    ///
    /// # Panics
    /// As [`Self::wait`].
    pub fn wait_for_rollout(&self, what: &str) {
        self.wait_with(&["rollout", "status", &format!("--timeout={}s", PATIENCE.as_secs()), what]);
    }

    fn wait_with(&self, arguments: &[&str]) {
        let output = self.try_kubectl(arguments);
        assert!(output.status.success(), "{}\n{}", both(&output), self.report());
    }

    /// What a person would look at first when something does not work: pods, events, and the last lines of every container.
    #[must_use]
    pub fn report(&self) -> String {
        const SCRIPT: &str = "kubectl get pods,services,persistentvolumeclaims -A -o wide; kubectl get events -A --sort-by=.lastTimestamp | tail -40
            kubectl get pods -A -o 'jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{\"\\n\"}{end}' | while read -r namespace name; do
                echo \"--- $namespace/$name\"; kubectl logs -n $namespace $name --all-containers --prefix --tail=20; done";
        let output = self.command("sh").args(["-c", SCRIPT]).output().expect("xtask can be started");
        both(&output)
    }

    fn namespaced(&self) -> Command {
        let mut command = self.command("kubectl");
        if let Some(namespace) = &self.namespace {
            command.args(["--namespace", namespace]);
        }
        command
    }

    fn xtask(&self, action: &str) -> Command {
        let mut command = program("xtask");
        command.args(["cluster", action]).stdin(Stdio::null());
        if let Some(folder) = &self.folder {
            command.arg("--dir").arg(folder);
        }
        if self.containerd == Containerd::OneSix {
            command.args(["--containerd", "1.6"]);
        }
        command
    }
}

/// A cluster for one test, in a folder of its own, which has room for more. Both end with the value.
pub struct OwnCluster {
    cluster: Cluster,
    folder: TempDir,
}

impl OwnCluster {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn up(containerd: Containerd) -> Self {
        // The temporary folder of some machines is in memory, and a node's disk is large.
        let parent = workspace_root().join("target/tmp");
        fs::create_dir_all(&parent).expect("there is room");
        let folder = tempfile::Builder::new().prefix("cluster-").tempdir_in(parent).expect("there is room");
        let place = Some(folder.path().join("cluster"));
        // Before it is started, so that one that does not come up ends as well.
        let own = Self { cluster: Cluster { containerd, folder: place, namespace: None }, folder };
        succeed(&mut own.cluster.xtask("up"));
        own
    }

    /// A place in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Deref for OwnCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        let ended = self.cluster.xtask("down").output();
        if !ended.is_ok_and(|output| output.status.success()) {
            eprintln!("the cluster in {} may be left", self.folder.path().display());
        }
    }
}

/// Standard output of a command, which has to succeed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("xtask can be started");
    assert!(output.status.success(), "{command:?}\n{}", both(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
