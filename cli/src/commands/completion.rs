//! `contrast completion`: what a shell needs to complete command lines.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{arguments::Arguments, failure::Failure, output, workspace::WorkspaceError};

/// Prints a script for a shell.
pub(crate) fn completion(shell: Shell) -> Result<(), Failure> {
    Ok(output::document(&script(shell)).map_err(WorkspaceError::standard_output)?)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "contrast", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_completes_every_command_but_hidden_ones() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for command in Arguments::command().get_subcommands() {
                let (name, hidden) = (command.get_name(), command.is_hide_set());
                assert!(hidden || script.contains(name), "{shell} does not complete {name}");
            }
        }
    }
}
