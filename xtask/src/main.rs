//! `cargo xtask`: set-up, checks, tests, fuzzing, benchmark and demo of this repository.
//!
//! Plain standard library, so that the first command on a fresh clone compiles in a second.

mod bare;
mod bench;
mod ci;
mod cluster;
mod demo;
mod failure;
mod fuzz;
mod lint;
mod options;
mod process;
mod release;
mod setup;
mod steps;
mod test;
mod workspace;

use std::{env, process::ExitCode};

use options::{Request, USAGE};

fn main() -> ExitCode {
    if fuzz::instrument::is_compiler_call() {
        return fuzz::instrument::compile();
    }
    let request = match options::parse(env::args_os().skip(1)) {
        Ok(request) => request,
        Err(problem) => {
            eprintln!("Error: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match request {
        Request::Help => {
            println!("{USAGE}");
            Ok(())
        }
        Request::Setup => setup::provide(setup::EVERYTHING),
        Request::Demo(arguments) => demo::run(&arguments),
        Request::Bench(arguments) => bench::run(&arguments),
        Request::Images(arguments) => release::run("images", &arguments),
        Request::Release(arguments) => release::run("release", &arguments),
        Request::Fuzz(options) => fuzz::run(&options),
        Request::Cluster(order) => cluster::run(order),
        Request::Lint => return lint::run(),
        Request::Test { with_cluster } => return test::run(with_cluster),
        Request::Ci => return ci::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
