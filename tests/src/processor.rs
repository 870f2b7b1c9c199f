//! Processor time of another process.

use std::fs;

/// Seconds that all threads of a process that run now have been on a processor, to the nanosecond (proc_pid_schedstat(5), first field).
///
/// # Panics
/// When there is no such process.
pub(crate) fn processor_seconds(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let nanoseconds = |thread: fs::DirEntry| -> f64 {
        let line = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        line.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
    };
    threads.flatten().map(nanoseconds).sum::<f64>() / 1e9
}
