//! The sidecar of the service mesh, with a real Envoy, in a pod's network.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use tempfile::TempDir;

use crate::{
    network::{PodNetwork, envoy_folder},
    processor::processor_seconds,
    programs::{Printed, program},
};

/// One thread is enough, and less memory; no shared memory, so that many of them run beside each other.
const ENVOY_OPTIONS: [&str; 3] = ["--concurrency", "1", "--disable-hot-restart"];

/// A running sidecar; killed when dropped.
pub struct Sidecar {
    process: Child,
    /// What it says, and Envoy after it.
    said: Printed,
    /// Envoy's access log.
    access: Printed,
    folder: TempDir,
}

impl Sidecar {
    /// Starts one in a pod whose certificates are in `tls_dir`, with the values of the pod's annotations.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(pod: &PodNetwork, tls_dir: &Path, ingress: &str, egress: &str, admin_port: &str) -> Self {
        let mut command = program("service-mesh");
        command.env("CONTRAST_ADMIN_PORT", admin_port);
        Self::spawn(command, &[], pod, tls_dir, ingress, egress)
    }

    /// The same, where some of the programs that it calls are missing.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_without(
        missing: &[&str],
        pod: &PodNetwork,
        tls_dir: &Path,
        ingress: &str,
        egress: &str,
    ) -> Self {
        Self::spawn(program("service-mesh"), missing, pod, tls_dir, ingress, egress)
    }

    fn spawn(
        mut command: Command,
        missing: &[&str],
        pod: &PodNetwork,
        tls_dir: &Path,
        ingress: &str,
        egress: &str,
    ) -> Self {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let programs = folder.path().join("programs");
        link_programs(&programs, missing);
        command
            .args(ENVOY_OPTIONS)
            .env("PATH", programs)
            .env("CONTRAST_INGRESS_PROXY_CONFIG", ingress)
            .env("CONTRAST_EGRESS_PROXY_CONFIG", egress)
            .env("CONTRAST_TLS_DIR", tls_dir)
            .env("CONTRAST_SERVICE_MESH_DIR", folder.path());
        Self::run(pod.with_names(&command), pod, folder)
    }

    /// Starts an Envoy alone, with a configuration of the caller's own.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_envoy(pod: &PodNetwork, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let file = folder.path().join("envoy.yaml");
        fs::write(&file, config).expect("it can be written");
        let mut command = Command::new(envoy_folder().join("envoy"));
        command.arg("-c").arg(file).args(ENVOY_OPTIONS);
        Self::run(command, pod, folder)
    }

    fn run(mut command: Command, pod: &PodNetwork, folder: TempDir) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = pod.enter(|| command.spawn().expect("the sidecar can be started"));
        let said = Printed::collect(process.stderr.take().expect("its standard error is a pipe"));
        let access = Printed::collect(process.stdout.take().expect("its standard output is a pipe"));
        Self { process, said, access, folder }
    }

    /// The sidecar, once Envoy takes connections.
    #[must_use]
    pub fn wait(self) -> Self {
        self.wait_until_ready();
        self
    }

    /// Waits until Envoy takes connections.
    pub fn wait_until_ready(&self) {
        self.said.wait_for("starting main dispatch loop");
        self.said.wait_for("starting workers");
    }

    /// Waits for a line of what it or Envoy says that contains `text`.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.said.wait_for(text)
    }

    /// Waits for a line of Envoy's access log that contains `text`.
    pub fn wait_for_access(&self, text: &str) -> String {
        self.access.wait_for(text)
    }

    /// Where its configuration is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Seconds of processor time that it has used so far.
    #[must_use]
    pub fn processor_seconds(&self) -> f64 {
        processor_seconds(self.process.id())
    }

    /// Waits for its end, and returns how it ended and all that it said.
    ///
    /// # Panics
    /// When it begins to serve.
    pub fn end(mut self) -> (ExitStatus, String) {
        self.said.wait_until_end_without("starting main dispatch loop");
        let status = self.process.wait().expect("it is our process");
        (status, self.said.all())
    }
}

/// Fills a folder with what the image of the sidecar has, and with what puts the test's names into the pod.
fn link_programs(folder: &Path, missing: &[&str]) {
    const OWN: [&str; 5] =
        ["nft", "iptables-legacy", "iptables-legacy-restore", "ip6tables-legacy", "ip6tables-legacy-restore"];
    let path = env::var_os("PATH").unwrap_or_default();
    let of_path = |name: &str| {
        let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.exists());
        found.unwrap_or_else(|| panic!("there is no `{name}`; run `cargo xtask setup`"))
    };
    let link = |name: &str, program: &Path| symlink(program, folder.join(name)).expect("links can be made");
    fs::create_dir(folder).expect("it is a new one");
    ["unshare", "sh", "mount"].iter().for_each(|name| link(name, &of_path(name)));
    OWN.iter().filter(|name| !missing.contains(name)).for_each(|name| link(name, &of_path(name)));
    if !missing.contains(&"envoy") {
        link("envoy", &envoy_folder().join("envoy"));
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
