//! The program `initializer`: fetches a pod's mesh certificate and workload secret from the Coordinator,
//! writes them where the other containers of the pod find them, and ends. With an encrypted volume it opens that, and stays.
//!
//! It does not appraise the Coordinator, having no manifest to compare with; the Coordinator appraises the pod.
//! `SECURITY.md` says what a false Coordinator can do to a pod.

mod backoff;
mod credentials;
mod ending;
mod fetch;
mod files;
mod key;
mod options;
mod pod;
mod process;
mod renewal;
mod run;

use std::{alloc::System, process::ExitCode};

use clap::Parser as _;
use zeroizing_alloc::ZeroAlloc;

use crate::options::{Command, Options};

/// Wipes memory when it is given back: the workload secret leaves copies in buffers of TLS, HTTP/2 and gRPC.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let options = Options::parse();
    options.start_logging();
    let done = match &options.command {
        None => run::run(&options),
        Some(Command::Cryptsetup { device_path, mount_point }) => {
            run::show(&options.volume_at(device_path, mount_point), &options.done_file)
        }
        Some(Command::Ready) => run::ready(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("Error: {failure}");
            ExitCode::FAILURE
        }
    }
}
