//! A deployment whose pods are network namespaces: a Coordinator at the switch, and in each pod an initializer, a sidecar
//! and an application.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use contrast_tests::{Coordinator, Deployment, ManifestFile, Network, Pod, PodNetwork, Sidecar, application};
use tempfile::TempDir;

/// The port of every application.
pub(crate) const APPLICATION: u16 = 8080;

/// It ends in this order: what writes into the folder of the deployment ends before that is removed.
pub(crate) struct World {
    coordinator: Option<Coordinator>,
    pub(crate) network: Network,
    pub(crate) deployment: Deployment,
}

/// A pod with certificates, whose network is closed as yet.
pub(crate) struct MeshPod {
    pub(crate) network: PodNetwork,
    pub(crate) tls_dir: PathBuf,
}

impl World {
    /// A deployment for workloads of these names.
    pub(crate) fn new(workloads: &[&str]) -> Self {
        let network = Network::new();
        let deployment = Deployment::new();
        let coordinator = Some(deployment.start_at(Network::HOST));
        let world = Self { network, deployment, coordinator };
        world.set(workloads, |manifest| manifest);
        world
    }

    /// Sets a manifest for workloads of these names.
    pub(crate) fn set(&self, workloads: &[&str], change: impl FnOnce(ManifestFile) -> ManifestFile) {
        let manifest = workloads.iter().fold(self.deployment.manifest(), |manifest, name| {
            let policy = policy(name);
            self.deployment.write_policy(name, policy.as_bytes());
            manifest.workload(policy.as_bytes(), name, None)
        });
        change(manifest).write(&self.deployment.manifest_path());
        self.contrast("set");
    }

    /// `contrast <command>`, as the owner runs it.
    pub(crate) fn contrast(&self, command: &str) {
        self.deployment.contrast(self.coordinator(), command, &[]).success();
    }

    /// Starts the Coordinator anew, and recovers it.
    pub(crate) fn recover(&mut self) {
        self.coordinator = self.coordinator.take().map(|before| self.deployment.start_in_place_of(before));
        self.contrast("recover");
    }

    fn coordinator(&self) -> &Coordinator {
        self.coordinator.as_ref().unwrap()
    }

    /// A pod with certificates and an application.
    pub(crate) fn pod(&mut self, name: &str) -> MeshPod {
        let pod = self.bare_pod(name);
        self.certify(&pod, name);
        pod
    }

    /// A pod whose initializer stays, and replaces certificates.
    pub(crate) fn renewing_pod(&mut self, name: &str) -> (MeshPod, Pod) {
        let pod = self.bare_pod(name);
        let Deployment { simulator, .. } = &self.deployment;
        let policy = self.deployment.policy_file(name);
        let start = || Pod::renewing(self.coordinator(), simulator, &policy, &pod.tls_dir, &[]);
        let initializer = pod.network.enter(start);
        initializer.wait_for_log("wrote certificates");
        (pod, initializer)
    }

    fn bare_pod(&mut self, name: &str) -> MeshPod {
        let network = self.network.pod(name);
        application::serve_in(&network, APPLICATION);
        let tls_dir = self.deployment.workspace.join(format!("certificates-of-{name}"));
        MeshPod { network, tls_dir }
    }

    /// The initializer of a pod of this workload.
    pub(crate) fn initializer(&self, pod: &MeshPod, workload: &str) -> Command {
        let Deployment { simulator, .. } = &self.deployment;
        Pod::command(
            self.coordinator().mesh_api,
            simulator,
            &self.deployment.policy_file(workload),
            &pod.tls_dir,
        )
    }

    /// Lets the initializer run in a pod of this workload, as at each start of the pod.
    pub(crate) fn certify(&self, pod: &MeshPod, workload: &str) {
        let Deployment { simulator, .. } = &self.deployment;
        let policy = self.deployment.policy_file(workload);
        let mesh_api = self.coordinator().mesh_api;
        pod.network.enter(|| Pod::start(mesh_api, simulator, &policy, &pod.tls_dir)).finish();
    }
}

/// Text of the policy that pods of this workload have.
fn policy(workload: &str) -> String {
    format!("package agent_policy\n# {workload}\n")
}

impl MeshPod {
    /// Starts the sidecar, and waits until Envoy serves.
    pub(crate) fn sidecar(&self, ingress: &str, egress: &str) -> Sidecar {
        let sidecar = Sidecar::start(&self.network, &self.tls_dir, ingress, egress, "");
        sidecar.wait_until_ready();
        sidecar
    }

    /// `curl` in this pod. What it prints, or why it did not succeed.
    pub(crate) fn curl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20"]).args(arguments);
        self.run(&curl)
    }

    /// A program in this pod. What it prints, or what it complains of.
    pub(crate) fn run(&self, command: &Command) -> Result<String, String> {
        let mut command = self.network.with_names(command);
        let output = self.network.enter(|| command.output().unwrap());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A folder for what a test writes.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}
