//! Running other programs.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use crate::{failure::Failure, workspace};

/// The cargo that runs us, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Any program, in the root of the workspace. Standard input is empty: nothing here may ask a question.
pub(crate) fn program(name: impl Into<OsString>) -> Command {
    let mut command = Command::new(name.into());
    command.current_dir(workspace::root()).stdin(Stdio::null());
    command
}

/// Runs to the end, showing the output as it comes.
///
/// # Errors
/// When the program cannot be started or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|cause| Failure::Start { program: name(command), cause })?;
    if status.success() { Ok(()) } else { Err(Failure::Exit { command: describe(command), status }) }
}

/// Runs to the end, and shows the output only if it fails.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_quietly(command: &mut Command) -> Result<(), Failure> {
    let output = command.output().map_err(|cause| Failure::Start { program: name(command), cause })?;
    if output.status.success() {
        return Ok(());
    }
    eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Failure::Exit { command: describe(command), status: output.status })
}

/// Runs to the end and returns what was printed on standard output; errors are shown as they come.
///
/// # Errors
/// As [`run`], and when the output is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| Failure::Start { program: name(command), cause })?;
    if !output.status.success() {
        return Err(Failure::Exit { command: describe(command), status: output.status });
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::NotText { command: describe(command) })
}

/// Becomes the program, so that signals and the exit code are its own. Returns only on failure.
pub(crate) fn become_program(command: &mut Command) -> Failure {
    let cause = command.exec();
    Failure::Start { program: name(command), cause }
}

/// The command line as a person would type it.
pub(crate) fn describe(command: &Command) -> String {
    let mut line = name(command);
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

fn name(command: &Command) -> String {
    let path = std::path::Path::new(command.get_program());
    path.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}
