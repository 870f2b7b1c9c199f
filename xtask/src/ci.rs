//! `cargo xtask ci`: the two commands of the README on a system that has nothing but what the README asks for.

use std::{env, ffi::OsStr, process::ExitCode};

use crate::{bare, bare::Bare, process, steps::Steps};

/// Runs the demo and then the tests, once, in a bare root that is made for it; on this machine where none can be made.
pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::new("ci");
    if let Some(obstacle) = bare::obstacle() {
        steps.step("demo", || here("demo"));
        steps.step("test", || here("test"));
        steps
            .remark(format!("Not in a bare root, since {obstacle}: a missing package would not have shown."));
        return steps.finish();
    }
    let mut made = None;
    steps.step("bare root", || {
        let (bare, note) = Bare::make()?;
        made = Some(bare);
        Ok(note)
    });
    if let Some(bare) = made {
        steps.step("demo", || process::run(&mut bare.command("demo")).map(|()| "in the bare root".into()));
        steps.step("test", || process::run(&mut bare.command("test")).map(|()| "in the bare root".into()));
        steps.step("built programs", || bare.keep_tools());
        steps.step("removal", || bare.remove().map(|()| String::new()));
    }
    steps.finish()
}

fn here(command: &str) -> Result<String, crate::failure::Failure> {
    let own = env::current_exe().unwrap_or_else(|_| OsStr::new("xtask").into());
    process::run(process::program(own).arg(command)).map(|()| "on this machine".into())
}
