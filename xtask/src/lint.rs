//! `cargo xtask lint`: formatting, clippy, documentation, and the rules of the house.

mod attacks;
mod deny;
mod dependencies;
mod lengths;
mod licence;
mod links;
mod programs;

use std::process::ExitCode;

use crate::{failure::Failure, process, setup, steps::Steps};

/// Runs all checks and says which failed.
pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::new("lint");
    if steps.step("set-up", || setup::provide(setup::LINT).map(|()| String::new())) {
        add_steps(&mut steps);
    }
    steps.finish()
}

/// The checks as steps of a longer run.
pub(crate) fn add_steps(steps: &mut Steps) {
    steps.step("formatting", || cargo(&["fmt", "--all", "--check"]));
    // With the tests that are built only where they are asked for.
    let all = ["--workspace", "--all-targets", "--features", "contrast-tests/cluster"];
    steps.step("clippy", || cargo(&[&["clippy"], &all[..], &["--", "--deny", "warnings"]].concat()));
    steps.step("documentation", || {
        let arguments = ["doc", "--workspace", "--no-deps", "--quiet"];
        process::run(process::cargo().args(arguments).env("RUSTDOCFLAGS", "--deny warnings"))?;
        Ok(String::new())
    });
    steps.step("file lengths", lengths::check);
    steps.step("banned crates and licences", dependencies::check);
    steps.step("programs of the tests", programs::check);
    steps.step("links", links::check);
    steps.step("tests that the manual of attacks names", attacks::check);
}

fn cargo(arguments: &[&str]) -> Result<String, Failure> {
    process::run(process::cargo().args(arguments)).map(|()| String::new())
}
