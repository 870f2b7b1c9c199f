//! Compiles the crates of this workspace with the feedback that libFuzzer needs.
//!
//! Cargo lets a program stand between itself and the compiler for the members of a workspace only
//! (`RUSTC_WORKSPACE_WRAPPER`), and keeps what it makes apart. This program is its own wrapper: our crates are
//! compiled with coverage counters, the dependencies come as they are from the ordinary development build. Generic
//! code of parsers is compiled where it is used, so it is counted too. The flags are those of `cargo fuzz` without
//! a sanitizer: all of them work on a stable compiler.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use crate::failure::Failure;

/// Tells this program that cargo calls it in place of the compiler.
const MARK: &str = "CONTRAST_FUZZ_COMPILER";

/// Counters for each edge, a table of program counters, and the operands of comparisons (LLVM, SanitizerCoverage).
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Copt-level=2",
    "--cfg=fuzzing",
];

/// Lets a cargo command compile this workspace with coverage.
///
/// # Errors
/// When the system does not tell where this program is.
pub(crate) fn with_coverage(command: &mut Command) -> Result<&mut Command, Failure> {
    let own = env::current_exe().map_err(Failure::reading("/proc/self/exe"))?;
    Ok(command.env("RUSTC_WORKSPACE_WRAPPER", own).env(MARK, "1").env("CARGO_INCREMENTAL", "0"))
}

/// Whether cargo calls this program in place of the compiler.
pub(crate) fn is_compiler_call() -> bool {
    env::var_os(MARK).is_some()
}

/// Becomes the compiler that the first argument names. Returns only on failure.
pub(crate) fn compile() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(compiler) = arguments.next() else { return ExitCode::from(2) };
    let arguments: Vec<OsString> = arguments.collect();
    let mut command = Command::new(&compiler);
    command.args(&arguments);
    if runs_in_the_target(&arguments) {
        command.args(COVERAGE);
    }
    let cause = command.exec();
    eprintln!("{}", Failure::Start { program: compiler.to_string_lossy().into_owned(), cause });
    ExitCode::FAILURE
}

/// Build scripts and procedural macros run inside the build, where nothing receives their counters; and cargo asks
/// the compiler about itself without naming a crate.
fn runs_in_the_target(arguments: &[OsString]) -> bool {
    let value = |option: &str| {
        let position = arguments.iter().position(|argument| argument == option)?;
        arguments.get(position + 1)?.to_str()
    };
    let named = value("--crate-name").is_some_and(|name| name != "___" && !name.starts_with("build_script_"));
    named && value("--crate-type") != Some("proc-macro")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(line: &str) -> bool {
        runs_in_the_target(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn libraries_and_programs_are_counted() {
        assert!(decided("--crate-name contrast_store --crate-type lib src/lib.rs"));
        assert!(decided("--crate-name snp_report --crate-type bin targets/snp_report.rs"));
    }

    #[test]
    fn what_runs_during_the_build_is_not_counted() {
        assert!(!decided("--crate-name build_script_build --crate-type bin build.rs"));
        assert!(!decided("--crate-name derive --crate-type proc-macro src/lib.rs"));
        assert!(!decided("-vV"));
        assert!(!decided("- --crate-name ___ --print=file-names --crate-type bin"));
    }
}
