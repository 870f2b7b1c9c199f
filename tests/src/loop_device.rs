//! Block devices that are files (loop(4)).

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A block device; it goes when it is dropped and nobody has it mounted.
pub struct LoopDevice {
    /// The device.
    pub path: PathBuf,
    /// The file with its content.
    pub content: PathBuf,
    _folder: TempDir,
}

impl LoopDevice {
    /// A device of this many bytes, all zero; nothing where this process may not make one or mount it.
    ///
    /// # Panics
    /// In CI, where everything has to be tested.
    #[must_use]
    pub fn new(size: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let content = folder.path().join("content");
        File::create(&content)
            .and_then(|file| file.set_len(size))
            .expect("there is room for temporary files");
        let mut command = Command::new("losetup");
        let output =
            command.args(["--find", "--show"]).arg(&content).output().expect("losetup can be started");
        if output.status.success() && may_mount() {
            let path = String::from_utf8_lossy(&output.stdout).trim().into();
            return Some(Self { path, content, _folder: folder });
        }
        let needed = "a loop device takes root with CAP_SYS_ADMIN, and /dev/loop-control";
        assert!(std::env::var_os("CI").is_none(), "{needed}: {}", String::from_utf8_lossy(&output.stderr));
        eprintln!("skipped: {needed}");
        None
    }

    /// What is on it.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn digest(&self) -> String {
        // Through the file, not the device, whose reads may be from before.
        crate::policy_digest(&std::fs::read(&self.content).expect("it is our file"))
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        // Waits for nobody: a device that is in use goes later.
        let _ = Command::new("losetup").arg("--detach").arg(&self.path).status();
    }
}

fn may_mount() -> bool {
    Command::new("unshare")
        .args(["--mount", "sh", "-c", "exit 0"])
        .status()
        .is_ok_and(|status| status.success())
}

/// A Coordinator's command in a mount namespace of its own, where a shell script runs first; what is mounted there goes with
/// the process, as in a container.
#[must_use]
pub fn with_own_mounts(command: &Command, script: &str) -> Command {
    let mut own = Command::new("unshare");
    own.args(["--mount", "sh", "-c", &format!("set -e; {script}\nexec \"$@\""), "sh"]);
    own.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => own.env(name, value),
            None => own.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        own.current_dir(folder);
    }
    own.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    own
}

/// `PATH` with one more folder at its beginning, and those where Debian has programs for root at its end.
#[must_use]
pub fn search_path(first: &Path) -> String {
    format!("{}:{}:/usr/sbin:/sbin", first.display(), std::env::var("PATH").unwrap_or_default())
}
