//! The program `contrast`: makes resources ready for confidential pods, sets a deployment's manifest, verifies a deployment, recovers a restarted
//! Coordinator, reads a deployment's history and computes reference values.

mod arguments;
mod cluster;
mod collateral;
mod commands;
mod coordinator;
mod deployment;
mod failure;
mod generate;
mod history;
mod inputs;
mod logging;
mod output;
mod policies;
mod process;
mod resource_files;
mod settings_file;
mod status;
mod workspace;

use std::{alloc::System, process::ExitCode};

use clap::Parser;
use zeroizing_alloc::ZeroAlloc;

use arguments::{Arguments, Command};
use failure::Failure;
use workspace::Workspace;

/// Wipes memory when it is given back: the seed leaves copies in buffers of gRPC, HTTP/2 and TLS.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

/// What a shell expects of a program that was interrupted: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = match settings_file::complete(std::env::args_os().collect()) {
        Ok(completed) => {
            if let Some(note) = completed.note {
                output::note(&note);
            }
            Arguments::parse_from(completed.arguments)
        }
        Err(error) => {
            output::failure(&error.into());
            return ExitCode::FAILURE;
        }
    };
    logging::start(arguments.log_level);
    if let Err(error) = process::forbid_core_dumps() {
        output::failure(&Failure::from_system("the program cannot switch core dumps off", error));
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::failure(&Failure::from_system("the program cannot start its threads", error));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            // First, so that no work begins before an interruption would be noticed.
            biased;
            _ = tokio::signal::ctrl_c() => None,
            outcome = run(arguments) => Some(outcome),
        }
    });
    // A handshake may still be busy on a thread of its own; nobody waits for it any more.
    runtime.shutdown_background();
    match outcome {
        Some(Ok(code)) => code,
        Some(Err(failure)) => {
            output::failure(&failure);
            ExitCode::FAILURE
        }
        None => {
            workspace::finish_writing();
            output::note("Interrupted. Every file in the workspace is complete: either old or new.");
            ExitCode::from(INTERRUPTED)
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let workspace = Workspace::new(arguments.workspace_dir);
    match arguments.command {
        // How it is, it says to scripts by its exit code.
        Command::Status(options) => return commands::status(&workspace, options).await,
        Command::Generate(options) => commands::generate(&workspace, options).await,
        Command::Set(options) => commands::set(&workspace, options).await,
        Command::Verify(options) => commands::verify(&workspace, options).await,
        Command::Recover(options) => commands::recover(&workspace, options).await,
        Command::History(options) => commands::history(&workspace, options).await,
        Command::Sign(options) => commands::sign(&workspace, &options),
        Command::Consent(options) => commands::consent(&workspace, options).await,
        Command::Attestation(options) => commands::attestation(&workspace, options).await,
        Command::Collateral(options) => commands::collateral(&workspace, options).await,
        Command::Manifest(options) => commands::manifest(&options),
        Command::Measure(options) => commands::measure(options).await,
        Command::Policy(options) => commands::policy(options).await,
        Command::Simulator(options) => commands::simulator(options).await,
        Command::Completion { shell } => commands::completion(shell),
        Command::Man { folder } => commands::man(&folder),
    }
    .map(|()| ExitCode::SUCCESS)
}
