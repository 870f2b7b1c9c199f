//! Work that somebody may end.

use std::io;

use tokio::{
    runtime::{self, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

/// Runs what has to be waited for, one after the other, on this thread. It listens to signals from its start on, so that none is lost
/// between two pieces of work.
pub(crate) struct Stage {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

/// A signal came before the work was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ended(pub(crate) &'static str);

impl Stage {
    /// Listens from here on.
    ///
    /// # Errors
    /// If the system has no means for it.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (terminate, interrupt) = runtime.block_on(async {
            Ok::<_, io::Error>((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
        })?;
        Ok(Self { runtime, terminate, interrupt })
    }

    /// Listens to one more signal from here on.
    ///
    /// # Errors
    /// If the system has no means for it.
    pub(crate) fn listen(&self, kind: SignalKind) -> io::Result<Signal> {
        self.runtime.block_on(async { signal(kind) })
    }

    /// What comes of `work`, unless somebody ends it before.
    ///
    /// # Errors
    /// See [`Ended`].
    pub(crate) fn unless_ended<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Ended> {
        let Self { runtime, terminate, interrupt } = self;
        runtime.block_on(async {
            tokio::select! {
                done = work => Ok(done),
                _ = terminate.recv() => Err(Ended("SIGTERM")),
                _ = interrupt.recv() => Err(Ended("SIGINT")),
            }
        })
    }

    /// What comes of `work`, which nobody ends.
    pub(crate) fn to_the_end<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Leaves behind whatever still blocks.
    pub(crate) fn leave(self) {
        self.runtime.shutdown_background();
    }
}
