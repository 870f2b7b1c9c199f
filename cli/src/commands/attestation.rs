//! `contrast attestation`: evidence, and what is to be thought of it.

mod check;
mod evidence;
mod remedy;
mod show;
mod verdict;

use crate::{
    arguments::{AttestationCommand, AttestationOptions},
    failure::Failure,
    workspace::Workspace,
};

/// Runs a subcommand.
pub(crate) async fn attestation(workspace: &Workspace, options: AttestationOptions) -> Result<(), Failure> {
    match options.command {
        AttestationCommand::Show(options) => show::show(options).await,
        AttestationCommand::Check(options) => check::check(workspace, options).await,
    }
}
