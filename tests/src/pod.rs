//! A pod: the initializer as a process with a policy of its own.

use std::{
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
};

use crate::programs::{Printed, program};

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
    pub fn start(mesh_api: std::net::SocketAddr, simulator: &Path, policy: &Path, tls_dir: &Path) -> Self {
        let mut process = program("initializer")
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
            .stderr(Stdio::piped())
            .spawn()
            .expect("the initializer can be started");
        let printed = Printed::collect(process.stderr.take().expect("its standard error is a pipe"));
        Self { process, printed, tls_dir: tls_dir.to_owned() }
    }

    /// Waits for a line of its log that contains `text`.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.printed.wait_for(text)
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
