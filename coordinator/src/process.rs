//! What the program asks of the operating system for itself.

use std::{env, io, os::unix::process::CommandExt, process::Command};

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Bytes from which on glibc takes a block from the kernel, and gives it back when it is free (mallopt(3)). It is the
/// default, but once it was said it stays. Otherwise each longer block that becomes free raises it, up to 32 MiB, and
/// what was allocated below it stays resident.
const MMAP_THRESHOLD: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// Lets the process give memory back that is free. glibc reads how when a program starts, and only then, so the program
/// starts once more, in the same process, unless the setting is there or somebody has chosen another one.
///
/// # Errors
/// When the program cannot be started again; it can go on without.
pub fn give_memory_back() -> io::Result<()> {
    let (name, value) = MMAP_THRESHOLD;
    if env::var_os(name).is_some() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut again = Command::new(env::current_exe()?);
    if let Some(program) = arguments.next() {
        again.arg0(program);
    }
    Err(again.args(arguments).env(name, value).exec())
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
