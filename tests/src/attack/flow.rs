//! How much a server wants to be sent (RFC 9113, 5.2), as frames that it sends come in beside those that go out.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::frames::DEFAULT_WINDOW;

/// What the other side wants to be sent, and what it has ended.
#[derive(Default)]
pub(super) struct Flow {
    state: Mutex<State>,
    changed: Notify,
}

/// At one moment.
pub(super) struct State {
    initial: i64,
    connection: i64,
    streams: HashMap<u32, i64>,
    /// Requests that were answered, refused, or cut off.
    pub(super) ended: HashSet<u32>,
    /// The other side hung up.
    pub(super) closed: bool,
}

impl Default for State {
    fn default() -> Self {
        let window = i64::from(DEFAULT_WINDOW);
        let (streams, ended) = (HashMap::new(), HashSet::new());
        Self { initial: window, connection: window, streams, ended, closed: false }
    }
}

impl State {
    /// A request begins.
    pub(super) fn open(&mut self, stream: u32) {
        self.streams.insert(stream, self.initial);
    }

    /// Whether a request needs no more bytes.
    pub(super) fn has_ended(&self, stream: u32) -> bool {
        self.closed || self.ended.contains(&stream)
    }

    /// As many of `wanted` bytes as may be sent now.
    fn take(&mut self, stream: u32, wanted: usize) -> usize {
        let window = self.streams.entry(stream).or_insert(self.initial);
        let wanted = i64::try_from(wanted).unwrap_or_default();
        let allowed = wanted.min(*window).min(self.connection).max(0);
        *window -= allowed;
        self.connection -= allowed;
        usize::try_from(allowed).unwrap_or_default()
    }

    /// The other side wants more, for a request or, as number 0, on the whole.
    pub(super) fn widen(&mut self, stream: u32, more: i64) {
        match self.streams.get_mut(&stream) {
            _ if stream == 0 => self.connection += more,
            Some(window) => *window += more,
            None => {}
        }
    }

    /// The other side wants each request to begin with so much room.
    pub(super) fn set_initial(&mut self, window: i64) {
        let more = window - self.initial;
        self.initial = window;
        self.streams.values_mut().for_each(|stream| *stream += more);
    }
}

impl Flow {
    /// As it is now.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, and wakes up whoever waits for that.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_waiters();
    }

    /// Waits until it is so.
    pub(super) async fn until(&self, reached: impl Fn(&State) -> bool) {
        loop {
            // Made before the look, so that nothing is missed between the two.
            let changed = self.changed.notified();
            if reached(&self.state()) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until some of `wanted` bytes may be sent, and says how many.
    ///
    /// # Errors
    /// When the request needs no more bytes.
    pub(super) async fn take(&self, stream: u32, wanted: usize) -> io::Result<usize> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if state.has_ended(stream) {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                let allowed = state.take(stream, wanted);
                if allowed > 0 {
                    return Ok(allowed);
                }
            }
            changed.await;
        }
    }
}
