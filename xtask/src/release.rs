//! `cargo xtask images` and `cargo xtask release`.

use std::ffi::OsString;

use crate::{failure::Failure, process, setup};

/// Becomes a program of the package that builds images and releases.
///
/// # Errors
/// When something is missing. Does not return otherwise.
pub(crate) fn run(program: &str, arguments: &[OsString]) -> Result<(), Failure> {
    setup::provide(setup::RELEASE)?;
    let run = ["run", "--quiet", "--package", "contrast-release", "--bin", program, "--"];
    Err(process::become_program(process::cargo().args(run).args(arguments)))
}
