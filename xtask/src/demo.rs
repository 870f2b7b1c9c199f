//! `cargo xtask demo`.

use std::{ffi::OsString, process::Stdio};

use crate::{failure::Failure, process, setup, workspace};

/// The option that shows the guide on a real cluster instead.
const CLUSTER: &str = "--cluster";

/// Builds every program of the workspace and becomes the demo.
///
/// # Errors
/// When something is missing, does not build, or the demo cannot be started. Does not return otherwise.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let on_cluster = arguments.iter().any(|argument| argument == CLUSTER);
    let (needs, name) = if on_cluster { (setup::EVERYTHING, "guide") } else { (setup::DEMO, "demo") };
    setup::provide(needs)?;
    build()?;
    let mut demo = process::program(workspace::built(name)?);
    demo.args(arguments.iter().filter(|argument| *argument != CLUSTER)).stdin(Stdio::inherit());
    Err(process::become_program(&mut demo))
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
