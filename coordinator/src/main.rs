//! The program `coordinator`.

use std::{error::Error, process::ExitCode};

use clap::Parser;
use contrast_coordinator::{
    options::{Command, Options, StoreCommand},
    serve::serve,
    store_check,
};
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.command {
        Some(Command::Store(StoreCommand::Check(check))) => {
            log_to_stderr(LevelFilter::WARN);
            store_check::run(&check, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
                .map_err(Box::from)
        }
        None => {
            log_to_stderr(options.serve.log_level);
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
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).init();
}

fn runtime() -> Result<tokio::runtime::Runtime, Box<dyn Error>> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
