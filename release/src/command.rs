//! Runs other programs to their end.

use std::{
    io,
    process::{Command, ExitStatus},
};

/// Why a program did not do what it was asked to.
#[derive(thiserror::Error, Debug)]
pub enum CommandError {
    /// It could not be started.
    #[error("`{program}` cannot be started ({cause}); `cargo xtask setup` installs what is missing")]
    Start {
        /// Its name.
        program: String,
        /// What the operating system says.
        cause: io::Error,
    },
    /// It failed.
    #[error("`{line}` failed: {status}{}", said(errors))]
    Failed {
        /// The command line.
        line: String,
        /// Its exit code.
        status: ExitStatus,
        /// What it wrote on standard error.
        errors: String,
    },
    /// It printed what is no text.
    #[error("`{0}` printed bytes that are no text")]
    NotText(String),
}

/// Runs to the end, and returns what was printed.
///
/// # Errors
/// If it cannot be started, fails, or prints what is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, CommandError> {
    let output =
        command.output().map_err(|cause| CommandError::Start { program: program(command), cause })?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(CommandError::Failed { line: line(command), status: output.status, errors });
    }
    String::from_utf8(output.stdout).map_err(|_| CommandError::NotText(line(command)))
}

/// Runs to the end, and shows what it prints.
///
/// # Errors
/// If it cannot be started, or fails.
pub(crate) fn show(command: &mut Command) -> Result<(), CommandError> {
    let status =
        command.status().map_err(|cause| CommandError::Start { program: program(command), cause })?;
    if status.success() {
        return Ok(());
    }
    Err(CommandError::Failed { line: line(command), status, errors: String::new() })
}

fn line(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program(command)).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The end of what a program said: its beginning is seldom what is wrong.
fn said(errors: &str) -> String {
    const LINES: usize = 8;
    let lines: Vec<_> = errors.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    last.iter().map(|line| format!("\n  {line}")).collect()
}
