//! The program `coordinator`.

use std::{
    alloc::System,
    error::Error,
    io::{IsTerminal as _, stderr},
    process::ExitCode,
};

use clap::Parser;
use contrast_coordinator::{
    options::{Command, Options, StoreCommand},
    process,
    serve::serve,
    store_check,
};
use tracing_subscriber::filter::LevelFilter;
use zeroizing_alloc::ZeroAlloc;

/// Wipes memory when it is given back: whoever sends the seed leaves copies of it in buffers of TLS, HTTP/2 and gRPC.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.command {
        Some(Command::Store(StoreCommand::Check(check))) => {
            log_to_stderr(LevelFilter::WARN);
            store_check::run(&check, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
                .map_err(Box::from)
        }
        None => {
            let frugal = process::give_memory_back();
            log_to_stderr(options.serve.log_level);
            if let Err(error) = frugal {
                tracing::warn!(%error, "cannot start again with the setting that lets free memory go; more will be resident");
            }
            runtime().and_then(|runtime| Ok(runtime.block_on(serve(options.serve))?))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr(level: LevelFilter) {
    let colours = stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(stderr).with_ansi(colours).with_max_level(level).init();
}

fn runtime() -> Result<tokio::runtime::Runtime, Box<dyn Error>> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
