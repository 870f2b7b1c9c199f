//! Starting the programs that know how to encrypt a device and how to make a file system.

use std::{ffi::OsStr, io, process::Stdio};

use tokio::process::Command;

use super::header::printable;

/// Where they are in Debian and in the Initializer's image.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It cannot be started.
    #[error("cannot start `{program}`: {cause}; the image of this container has to have it")]
    Start {
        /// Its name.
        program: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// It failed.
    #[error("`{program} {action}` failed ({}): {said}", .status.map_or("by a signal".to_owned(), |status| format!("status {status}")))]
    Failed {
        /// Its name.
        program: &'static str,
        /// What it had to do.
        action: String,
        /// Its exit status; `None` if a signal ended it.
        status: Option<i32>,
        /// What it said, shortened.
        said: String,
    },
}

/// Runs a program and gives what it prints. The first argument says what it shall do. It dies with the future.
pub(super) async fn run<A: AsRef<OsStr>>(
    program: &'static str,
    arguments: &[A],
) -> Result<String, ProgramError> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", FOLDERS.join(":"))
        .env("LC_ALL", "C")
        // There is no udev in a container that would make device nodes.
        .env("DM_DISABLE_UDEV", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|cause| ProgramError::Start { program, cause })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let action = arguments.first().map(|action| action.as_ref().display().to_string());
    Err(ProgramError::Failed {
        program,
        action: action.unwrap_or_default(),
        status: output.status.code(),
        said: printable(&lines.join(" ")),
    })
}

impl ProgramError {
    /// Whether the program ended with this status.
    pub(super) fn has_status(&self, expected: i32) -> bool {
        matches!(self, Self::Failed { status: Some(status), .. } if *status == expected)
    }
}
