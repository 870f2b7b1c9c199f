//! No more requests than a service answers.

use std::{
    collections::HashMap,
    sync::PoisonError,
    time::{Duration, SystemTime},
};

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

/// Services that asked to be left alone for a while.
#[derive(Default)]
pub(super) struct QuietTimes(std::sync::Mutex<HashMap<&'static str, SystemTime>>);

impl QuietTimes {
    /// No service is believed to need more rest.
    const LONGEST: Duration = Duration::from_secs(60 * 60);

    /// `service` asked for this much rest.
    pub(super) fn set(&self, service: &'static str, rest: Duration, now: SystemTime) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.extend(now.checked_add(rest.min(Self::LONGEST)).map(|until| (service, until)));
    }

    /// The rest of the rest.
    pub(super) fn remaining(&self, service: &'static str, now: SystemTime) -> Option<Duration> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let remaining = times.get(service)?.duration_since(now).ok()?;
        (!remaining.is_zero()).then_some(remaining.min(Self::LONGEST))
    }
}
