//! `cargo xtask bench`.

use std::ffi::OsString;

use crate::{failure::Failure, process, setup};

/// Builds the programs with optimisation and becomes the benchmark.
///
/// # Errors
/// When something is missing or does not build. Does not return otherwise.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Failure> {
    setup::provide(setup::BENCH)?;
    process::run(process::cargo().args(["build", "--release", "--workspace", "--bins"]))?;
    let run = ["run", "--release", "--quiet", "--package", "contrast-tests", "--bin", "bench", "--"];
    Err(process::become_program(process::cargo().args(run).args(arguments)))
}
