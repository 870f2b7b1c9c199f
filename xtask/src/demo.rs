//! `cargo xtask demo`.

use std::{ffi::OsString, process::Stdio};

use crate::{failure::Failure, process, setup, workspace};

/// Builds every program of the workspace and becomes the demo.
///
/// # Errors
/// When something is missing, does not build, or the demo cannot be started. Does not return otherwise.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Failure> {
    setup::provide(setup::DEMO)?;
    build()?;
    let mut demo = process::program(workspace::built("demo")?);
    Err(process::become_program(demo.args(arguments).stdin(Stdio::inherit())))
}

/// Builds the programs that the demo and the end-to-end tests start.
///
/// The whole workspace at once, so that cargo chooses the same dependency features as for the tests.
///
/// # Errors
/// When the build fails.
pub(crate) fn build() -> Result<(), Failure> {
    process::run(process::cargo().args(["build", "--workspace", "--bins"]))
}
