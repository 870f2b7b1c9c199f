//! The process that signs evidence for a pod: one for each pod, outside of it.
//!
//! It is started with the sandbox by the runtime, answers questions of the pod's containers on a socket ([`EvidenceSocket`]), and ends with the
//! sandbox. Its host data is what the sandbox was made with: no question says any. Should it be away, the next call for the pod starts it again.
//!
//! It stays in the control group of containerd's shim, so that no limit of the pod is its own, and is a session of its own, so that
//! it outlives a restart of containerd (whose unit ends only its main process).

#[cfg(test)]
mod tests;

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{self, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use contrast_attestation::{
    Attester,
    simulated::{Processor, socket::EvidenceSocket},
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, setsid};

use crate::{node::Node, pod::SOCKET_FOLDER};

const CONTROL: &str = "control.sock";
/// Within [`SOCKET_FOLDER`].
const SOCKET: &str = "attestation.sock";
/// What the signer says when containers can ask it.
const READY: &str = "ready\n";
/// The one word that it obeys.
const END: u8 = b'e';
/// How long it waits for that word.
const PATIENCE: Duration = Duration::from_secs(2);

/// Evidence cannot be signed.
#[derive(thiserror::Error, Debug)]
pub enum SignerError {
    /// The program cannot be started.
    #[error("the signer of the simulated platform cannot be started: {0}")]
    Start(#[from] io::Error),
    /// It ended at once.
    #[error("the signer of the simulated platform ended: {0}")]
    Ended(String),
    /// The node is not set up.
    #[error(
        "this node has no simulated processor at {path}; the node installer of the simulated platform makes it: see whether its pod runs on this node"
    )]
    NoProcessor {
        /// Where it would be.
        path: String,
    },
}

/// Starts the signer of a pod unless it is there.
pub(crate) fn ensure(node: &Node, folder: &Path, host_data: &str) -> Result<(), SignerError> {
    if in_folder(folder, |place| UnixStream::connect(place.join(CONTROL))).is_ok() {
        return Ok(());
    }
    if !node.processor.is_dir() {
        return Err(SignerError::NoProcessor { path: node.processor.display().to_string() });
    }
    let mut child = Command::new(&node.program)
        .arg("sign")
        .arg(&node.processor)
        .arg(host_data)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut said = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output.take(4096)).read_line(&mut said)?;
    }
    if said == READY { Ok(()) } else { Err(SignerError::Ended(said.trim_end().to_owned())) }
}

/// Ends the signer of a pod, if it is there.
pub(crate) fn end(folder: &Path) {
    let told = in_folder(folder, |place| UnixStream::connect(place.join(CONTROL)));
    if let Ok(mut stream) = told {
        let _ = stream.write_all(&[END]);
        // It closes the connection by ending.
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.read(&mut [0]);
    }
}

/// Names of sockets are short, and that of the folder is not.
fn in_folder<T>(folder: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let open = fs::File::open(folder)?;
    work(Path::new(&format!("/proc/self/fd/{}", open.as_raw_fd())))
}

/// The signer itself. The working directory is the folder of the pod.
pub(crate) fn serve(processor: &Path, host_data: &str) -> process::ExitCode {
    match signs(processor, host_data) {
        Ok(()) => process::ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            process::ExitCode::FAILURE
        }
    }
}

fn signs(processor: &Path, host_data: &str) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let host_data: [u8; 32] = hex::decode(host_data)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or("host data has 64 hexadecimal digits")?;
    // It may be the first of one already where a person starts it.
    let _ = setsid();
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(|error| text(&error))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| text(&error))?;
    let processor = Processor::open(processor).map_err(|error| text(&error))?;
    let attester: Arc<dyn Attester> = Arc::new(processor.attester(host_data));
    let socket =
        EvidenceSocket::bind(&Path::new(SOCKET_FOLDER).join(SOCKET)).map_err(|error| text(&error))?;
    obey().map_err(|error| text(&error))?;
    print!("{READY}");
    io::stdout().flush().map_err(|error| text(&error))?;
    socket.serve(&attester).map_err(|error| text(&error))
}

/// Waits for the word to end.
fn obey() -> io::Result<()> {
    match fs::remove_file(CONTROL) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(CONTROL)?;
    let obey = move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut word = [0];
            let is_read = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.read_exact(&mut word));
            if is_read.is_ok() && word == [END] {
                process::exit(0);
            }
        }
    };
    thread::Builder::new().spawn(obey).map(drop)
}
