//! The program `contrast-simulated-runtime`.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    contrast_simulated_runtime::run(env::args_os().skip(1).collect())
}
