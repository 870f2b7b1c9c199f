//! What the program asks of the operating system for itself.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

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
