//! Where the demo runs: in namespaces of its own where they can be had, and with all that it starts in one process group, which ends
//! with it, however it ends.

use std::{
    env, io,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use contrast_tests::{network_obstacle, own_namespaces};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::signal::unix::{SignalKind, signal};

/// Set in the process that tells the story: empty in namespaces of its own, else why there are none.
const INSIDE: &str = "CONTRAST_DEMO_OBSTACLE";

/// What this machine lets the demo be.
pub(crate) enum Place {
    /// Root in namespaces of its own.
    Namespaces,
    /// Processes on 127.0.0.1, for this reason.
    Machine { obstacle: String },
}

/// Where this process runs; `None` if it is the one that a person started.
pub(crate) fn here() -> Option<Place> {
    let obstacle = env::var(INSIDE).ok()?;
    Some(if obstacle.is_empty() { Place::Namespaces } else { Place::Machine { obstacle } })
}

/// Runs the demo again in the best place that there is, and clears up behind it.
///
/// # Errors
/// When the operating system refuses a process, a signal or a temporary folder.
pub(crate) fn go() -> io::Result<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let me = env::current_exe()?;
    let obstacle = network_obstacle();
    let mut run = if obstacle.is_none() {
        let mut unshare = own_namespaces();
        unshare.arg(me);
        unshare
    } else {
        Command::new(me)
    };
    run.args(env::args_os().skip(1))
        .env(INSIDE, obstacle.unwrap_or_default())
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null())
        .process_group(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (status, interruption) = runtime.block_on(run_to_end(run))?;
    Ok(match (interruption, status.code()) {
        (Some(signal), _) => ExitCode::from(128 + signal),
        (None, Some(code)) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        (None, None) => {
            eprintln!("Error: the demo was ended by signal {}", status.signal().unwrap_or_default());
            ExitCode::FAILURE
        }
    })
}

/// Waits for the end of a process or for a signal that asks for it, and ends all that is left of its group. Gives the number of the signal.
async fn run_to_end(mut run: Command) -> io::Result<(ExitStatus, Option<u8>)> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut child = run.spawn()?;
    let group = Pid::from_child(&child);
    let mut ended = tokio::task::spawn_blocking(move || wait(group));
    let interruption = tokio::select! {
        _ = &mut ended => None,
        _ = interrupt.recv() => Some(Signal::INT),
        _ = terminate.recv() => Some(Signal::TERM),
        _ = hangup.recv() => Some(Signal::HUP),
    };
    // The first of the group is a zombie until it is waited for, so that the number is nobody else's.
    let _ = kill_process_group(group, Signal::KILL);
    let status = child.wait()?;
    Ok((status, interruption.and_then(|signal| u8::try_from(signal.as_raw()).ok())))
}

/// Waits for the end of a process and leaves it a zombie.
fn wait(process: Pid) {
    let _ = waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
}
