//! Programs of the system that this one asks.

use std::{
    ffi::OsStr,
    io::{self, Write as _},
    process::{Command, Output, Stdio},
    thread,
};

/// A program did not do what it was asked for.
#[derive(thiserror::Error, Debug)]
pub enum ToolError {
    /// It cannot be started.
    #[error("cannot start `{program}`: {cause}")]
    Start {
        /// Its name.
        program: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// It failed.
    #[error("`{program} {}` failed: {said}", arguments.join(" "))]
    Failed {
        /// Its name.
        program: &'static str,
        /// What it was asked.
        arguments: Vec<String>,
        /// Its exit code; `None` if a signal ended it.
        code: Option<i32>,
        /// What it said about it, on one line.
        said: String,
    },
}

impl ToolError {
    /// Whether the program has not the right to do it. The exit code does not tell: `iptables` has the same one where the kernel has no
    /// such table.
    pub(crate) fn is_denied(&self) -> bool {
        const SIGNS: [&str; 2] = ["Permission denied", "Operation not permitted"];
        matches!(self, Self::Failed { said, .. } if SIGNS.iter().any(|sign| said.contains(sign)))
    }
}

/// Longest part of what a program says that is repeated, in characters.
const SAID: usize = 300;

/// Runs a program with a text on its standard input, and gives what it prints.
pub(crate) fn run(program: &'static str, arguments: &[&str], input: &str) -> Result<String, ToolError> {
    let output = start(program, arguments, input).map_err(|cause| ToolError::Start { program, cause })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said.split_whitespace().collect();
    Err(ToolError::Failed {
        program,
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        code: output.status.code(),
        said: said.join(" ").chars().take(SAID).collect(),
    })
}

fn start(program: &str, arguments: &[impl AsRef<OsStr>], input: &str) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Words that are compared do not depend on the user's language.
    let mut child = command.env("LC_ALL", "C").spawn()?;
    let mut stdin = child.stdin.take();
    thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(stdin) = &mut stdin {
                // Who does not read has said why on standard error.
                let _ = stdin.write_all(input.as_bytes());
            }
        });
        child.wait_with_output()
    })
}
