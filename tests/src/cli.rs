//! Runs of the CLI.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

use crate::programs::program;

/// What a run of the CLI led to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// The command `contrast` with these arguments, not yet run.
    #[must_use]
    pub fn command<A: AsRef<OsStr>>(workspace: &Path, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = program("contrast");
        command.arg("--workspace-dir").arg(workspace).args(args).current_dir(workspace).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started, or a signal ended it.
    #[must_use]
    pub fn of(mut command: Command) -> Self {
        let output = command.output().expect("contrast can be started");
        Self {
            code: output.status.code().expect("no signal ended it"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same, if it succeeded.
    ///
    /// # Panics
    /// When it failed, with what it printed.
    pub fn success(self) -> Self {
        assert_eq!(self.code, 0, "contrast failed\n{}{}", self.stdout, self.stderr);
        self
    }

    /// What it printed on standard error, if it failed.
    ///
    /// # Panics
    /// When it succeeded.
    pub fn failure(self) -> String {
        assert_eq!(self.code, 1, "contrast was expected to fail\n{}{}", self.stdout, self.stderr);
        self.stderr
    }
}
