//! A pod: the initializer as a process with a policy of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Coordinator,
    programs::{Printed, program},
};

/// A pod whose initializer was started; killed when dropped.
pub struct Pod {
    process: Child,
    printed: Printed,
    /// Where its certificate and key go.
    pub tls_dir: PathBuf,
}

/// How an initializer ended.
#[derive(Debug)]
pub struct PodStatus {
    /// Exit status.
    pub status: ExitStatus,
    /// Its whole log.
    pub log: String,
}

impl Pod {
    /// Starts a pod on the simulated processor of `simulator`, under the policy in the file `policy`.
    ///
    /// # Panics
    /// When the initializer cannot be started.
    #[must_use]
    pub fn start(mesh_api: SocketAddr, simulator: &Path, policy: &Path, tls_dir: &Path) -> Self {
        Self::spawn(Self::command(mesh_api, simulator, policy, tls_dir), tls_dir)
    }

    /// The command that starts one.
    #[must_use]
    pub fn command(mesh_api: SocketAddr, simulator: &Path, policy: &Path, tls_dir: &Path) -> Command {
        let mut command = program("initializer");
        command
            .env("COORDINATOR_HOST", mesh_api.ip().to_string())
            .env("CONTRAST_MESH_API_ADDR", mesh_api.to_string())
            .env("CONTRAST_TLS_DIR", tls_dir)
            .env("CONTRAST_ATTESTER", "simulated")
            .env("CONTRAST_SIMULATOR_DIR", simulator)
            .env("CONTRAST_SIMULATOR_POLICY", policy)
            .env("CONTRAST_LOG_LEVEL", "trace")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn spawn(mut command: Command, tls_dir: &Path) -> Self {
        let mut process = command.spawn().expect("the initializer can be started");
        let printed = Printed::collect(process.stderr.take().expect("its standard error is a pipe"));
        Self { process, printed, tls_dir: tls_dir.to_owned() }
    }

    /// Starts a pod that replaces its certificate in time, looking for another mesh CA every few moments. `ops`: the Coordinator's
    /// ops API, `more`: further variables.
    ///
    /// # Panics
    /// When the initializer cannot be started.
    #[must_use]
    pub fn renewing(
        coordinator: &Coordinator,
        simulator: &Path,
        policy: &Path,
        tls_dir: &Path,
        more: &[(&str, &str)],
    ) -> Self {
        let mut command = Self::command(coordinator.mesh_api, simulator, policy, tls_dir);
        command
            .env("CONTRAST_RENEW_CERTIFICATES", "true")
            .env("CONTRAST_RENEWAL_PAUSE", "1")
            .env("CONTRAST_OPS_ADDR", coordinator.ops.0.to_string())
            .env("CONTRAST_DONE_FILE", tls_dir.with_extension("done"));
        command.envs(more.iter().copied());
        Self::spawn(command, tls_dir)
    }

    /// Asks it for a new certificate at once (SIGHUP).
    ///
    /// # Panics
    /// When it has ended.
    pub fn renew(&self) {
        self.signal(Signal::HUP);
    }

    /// Ends it (SIGTERM), and waits for that.
    ///
    /// # Panics
    /// When it had ended before.
    pub fn end(self) -> PodStatus {
        self.signal(Signal::TERM);
        self.finish()
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.process);
        kill_process(id, signal).expect("it is our process");
    }

    /// Waits for a line of its log that contains `text`.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.printed.wait_for(text)
    }

    /// Waits until its log has that many lines that contain `text`.
    pub fn wait_for_logs(&self, text: &str, times: usize) {
        self.printed.wait_for_times(text, times);
    }

    /// Waits until the Coordinator has refused it, and returns what it was told.
    pub fn wait_for_refusal(&self) -> String {
        self.printed.wait_for_lines("refused by the present one", "next attempt")
    }

    /// Waits until it has its certificate.
    ///
    /// # Panics
    /// When it fails instead.
    pub fn finish(mut self) -> PodStatus {
        let status = self.process.wait().expect("it is our process");
        let log = self.printed.all();
        assert!(status.success(), "the initializer failed ({status}):\n{log}");
        PodStatus { status, log }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
