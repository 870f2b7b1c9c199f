//! `contrast manifest`: about manifests in general.

use clap::{Args, Subcommand};
use contrast_manifest::json_schema;

use crate::{failure::Failure, output, workspace::WorkspaceError};

#[derive(Args, Debug)]
pub(crate) struct ManifestOptions {
    #[command(subcommand)]
    command: ManifestCommand,
}

#[derive(Subcommand, Debug)]
enum ManifestCommand {
    /// Print the JSON Schema of manifests, for editors.
    Schema,
}

/// Prints what is asked for.
pub(crate) fn manifest(options: &ManifestOptions) -> Result<(), Failure> {
    let ManifestCommand::Schema = options.command;
    output::document(&format!("{:#}\n", json_schema())).map_err(WorkspaceError::standard_output)?;
    Ok(())
}
