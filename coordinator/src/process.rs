//! What the program asks of the operating system for itself.

use std::{env, io, os::unix::process::CommandExt, process::Command};

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// How glibc is told to give memory back that is free (mallopt(3)). Left alone it keeps what it was given: for every
/// thread, and the more the longer the longest message was. Twice as much as the Coordinator needs would stay resident.
const FRUGAL: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TRIM_THRESHOLD_", "131072")];

/// Lets the process keep little memory that is free. glibc reads how when a program starts, and only then, so the
/// program starts once more, in the same process, unless the settings are there or somebody has chosen others.
///
/// # Errors
/// When the program cannot be started again; it can go on without.
pub fn give_memory_back() -> io::Result<()> {
    if FRUGAL.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut again = Command::new(env::current_exe()?);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    Err(again.args(arguments).envs(FRUGAL).exec())
}

/// Keeps secrets out of core dumps and away from debuggers of the same user.
///
/// # Errors
/// When the operating system refuses.
pub fn forbid_core_dumps() -> rustix::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Allows as many open connections as the operating system lets this process have.
///
/// # Errors
/// When the operating system refuses.
pub fn allow_many_connections() -> rustix::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
}
