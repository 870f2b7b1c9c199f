//! A node: the program in a folder of its own, with its settings, a processor, and what calls it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use contrast_attestation::simulated::Processor;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A node. Whatever still runs on it ends with it.
pub(crate) struct Node {
    folder: TempDir,
}

/// What came of a call.
pub(crate) struct Called {
    pub(crate) is_done: bool,
    /// The last error in the file for it: what containerd shows.
    pub(crate) error: String,
    /// All of its standard output.
    pub(crate) output: String,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// With further settings.
    pub(crate) fn with(further: Value) -> Self {
        let folder = tempfile::Builder::new().prefix("contrast-node-").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["bin", "etc", "runc", "bundles"] {
            fs::create_dir(at(name)).unwrap();
        }
        let (built, program) = (env!("CARGO_BIN_EXE_contrast-simulated-runtime"), at("bin/runtime"));
        // The program finds its settings by where it is, so that a link of another kind does not do.
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
        let mut settings = json!({ "state": at("state"), "processor": at("processor") });
        settings.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        fs::write(at("etc/contrast-simulated-runtime.json"), settings.to_string()).unwrap();
        fs::create_dir(at("processor")).unwrap();
        for (name, bytes) in processor() {
            fs::write(at("processor").join(name), bytes).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of pods.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// A call as containerd makes it, ready to be started. Errors go to `log`.
    pub(crate) fn command(&self, log: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("bin/runtime"));
        command.arg("--root").arg(self.path("runc")).arg("--log").arg(log);
        command.args(["--log-format", "json"]).args(arguments).stdin(Stdio::null());
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Called {
        let log = self.path("log.json");
        let _ = fs::remove_file(&log);
        let output = self.command(&log, arguments).stderr(Stdio::null()).output().unwrap();
        Called {
            is_done: output.status.success(),
            error: last_error(&log),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }

    /// What `runc` says of a container; nothing if there is none.
    pub(crate) fn state_of(&self, id: &str) -> Value {
        let said = self.call(&["state", id]).output;
        serde_json::from_str(&said).unwrap_or_default()
    }
}

/// The files of a processor, which takes seconds to make.
fn processor() -> &'static [(String, Vec<u8>)] {
    static FILES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let processor = folder.path().join("processor");
        Processor::init(&processor).unwrap();
        let entries = fs::read_dir(processor).unwrap().map(|entry| entry.unwrap());
        let file =
            |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        entries.map(file).collect()
    })
}

impl Drop for Node {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.path("runc")).into_iter().flatten().flatten() {
            let id = entry.file_name().into_string().unwrap_or_default();
            self.call(&["delete", "--force", &id]);
        }
        for entry in fs::read_dir(self.state()).into_iter().flatten().flatten() {
            let id = entry.file_name().into_string().unwrap_or_default();
            self.call(&["delete", "--force", &id]);
        }
        // The control groups of all pods of this process lie in this one; while another test has some, it stays.
        let group = format!("contrast-test-{}", std::process::id());
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join(&group));
        }
    }
}

/// The last error of a log, as containerd finds it.
pub(crate) fn last_error(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut errors = lines.filter(|line| line["level"] == "error");
    errors.next_back().map(|line| line["msg"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}
