//! How much of the processor something takes. Only the work of the own thread counts, and of several runs the one that
//! was disturbed least: so a busy machine changes little.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What this thread has taken so far.
pub(crate) fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
}
