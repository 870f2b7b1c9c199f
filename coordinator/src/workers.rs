//! The threads that serve, one for each core.
//!
//! A handshake is a handful of turns of some hundred microseconds. If each turn went to whichever thread is free,
//! as on a runtime of many threads, it would cost a wake-up and cold caches (`docs/performance.md` says how much).
//! So every thread has a runtime of its own, and a connection stays where it was accepted.

use std::{
    fmt::Display,
    io,
    num::NonZero,
    panic::{self, AssertUnwindSafe},
    thread,
};

use tokio::{runtime::Builder, sync::mpsc};

/// Most threads that may block, for each that serves: reading the history, and asking the hardware for reports. Each keeps
/// memory of its own, so that many of them cost more than all connections.
const BLOCKING_THREADS: usize = 6;

/// Why a thread does not serve.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The operating system gives no thread, or nothing to wait with.
    #[error("a thread that serves could not be started ({0})")]
    Start(#[from] io::Error),
    /// It ended without a result.
    #[error("a thread that serves crashed")]
    Crashed,
}

/// Does `work` on one thread for each core, on a single-threaded runtime of its own, and waits until all have
/// ended or one has failed. Threads that are not waited for any more go on. What `work` holds, only they hold.
///
/// # Errors
/// The first error of a thread, or that of starting one.
pub async fn on_each_core<Work, Done, E>(work: Work) -> Result<(), E>
where
    Work: FnOnce() -> Done + Clone + Send + 'static,
    Done: Future<Output = Result<(), E>>,
    E: From<WorkerError> + Display + Send + 'static,
{
    let (ended, mut ends) = mpsc::unbounded_channel();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    for core in 0..cores {
        let (work, ended) = (work.clone(), ended.clone());
        // The result is sent after the runtime is gone, and with it all that it had begun.
        let run = move || {
            let result = panic::catch_unwind(AssertUnwindSafe(|| on_this_thread(work)));
            ended.send(result.unwrap_or_else(|_| Err(WorkerError::Crashed.into())))
        };
        thread::Builder::new().name(format!("core-{core}")).spawn(run).map_err(WorkerError::from)?;
    }
    drop((work, ended));
    while let Some(result) = ends.recv().await {
        result?;
    }
    Ok(())
}

fn on_this_thread<Done, E>(work: impl FnOnce() -> Done) -> Result<(), E>
where
    Done: Future<Output = Result<(), E>>,
    E: From<WorkerError> + Display,
{
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(WorkerError::from)?;
    let result = runtime.block_on(work());
    if let Err(error) = &result {
        // Now, because the runtime only goes when nothing blocks on it any more.
        tracing::error!(%error, "a thread that serves has stopped");
    }
    result
}

#[cfg(test)]
mod tests {
    use std::{
        future,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use super::*;

    #[derive(Debug, PartialEq, thiserror::Error)]
    enum Failure {
        #[error("{0}")]
        Worker(String),
        #[error("the work failed")]
        Work,
    }

    impl From<WorkerError> for Failure {
        fn from(error: WorkerError) -> Self {
            Self::Worker(error.to_string())
        }
    }

    /// `first` on one of the threads; the others serve for ever.
    async fn one_ends(first: fn() -> Result<(), Failure>) -> Result<(), Failure> {
        let started = Arc::new(AtomicUsize::new(0));
        on_each_core(move || {
            let is_first = started.fetch_add(1, Ordering::SeqCst) == 0;
            async move { if is_first { first() } else { future::pending().await } }
        })
        .await
    }

    #[tokio::test]
    async fn the_work_is_done_once_on_each_core() {
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        let result = on_each_core(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            future::ready(Ok::<_, Failure>(()))
        });
        assert_eq!(result.await, Ok(()));
        assert_eq!(done.load(Ordering::SeqCst), thread::available_parallelism().unwrap().get());
    }

    #[tokio::test]
    async fn one_that_fails_or_crashes_is_not_made_up_for_by_those_that_go_on() {
        assert_eq!(one_ends(|| Err(Failure::Work)).await, Err(Failure::Work));
        let crashed = one_ends(|| panic!("as a defect would")).await;
        assert_eq!(crashed, Err(Failure::Worker(WorkerError::Crashed.to_string())));
    }

    #[tokio::test]
    async fn what_the_threads_have_let_go_of_is_gone_while_they_go_on() {
        let socket = Arc::new(());
        let watched = Arc::downgrade(&socket);
        let (let_go, mut all) = mpsc::unbounded_channel();
        let work = move || {
            drop(socket);
            let_go.send(()).unwrap();
            future::pending::<Result<(), Failure>>()
        };
        let serving = tokio::spawn(on_each_core(work));
        for _ in 0..thread::available_parallelism().unwrap().get() {
            all.recv().await.unwrap();
        }
        assert_eq!(watched.strong_count(), 0);
        assert!(!serving.is_finished());
    }
}
