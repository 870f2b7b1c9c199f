//! `contrast completion`: what a shell needs to complete command lines.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{arguments::Arguments, failure::Failure, output, workspace::WorkspaceError};

/// Prints a script for a shell.
pub(crate) fn completion(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "contrast", &mut script);
    Ok(output::document(&String::from_utf8_lossy(&script)).map_err(WorkspaceError::standard_output)?)
}
