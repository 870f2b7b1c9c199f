//! No more requests than a service answers.

use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use super::Clock;

/// At most one request per interval, in the order of asking.
pub(super) struct Pace {
    interval: Duration,
    /// The earliest moment of the next request.
    next: Mutex<Option<SystemTime>>,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, next: Mutex::new(None) }
    }

    /// Returns when it is this caller's turn.
    pub(super) async fn turn(&self, clock: &dyn Clock) {
        // Held while waiting: whoever comes later waits behind.
        let mut next = self.next.lock().await;
        if let Some(next) = *next
            // A clock that was set back must not stop everything.
            && let Ok(wait) = next.duration_since(clock.now())
        {
            clock.sleep(wait.min(self.interval)).await;
        }
        *next = clock.now().checked_add(self.interval);
    }
}
