//! How long, and how often, a service is asked again.

use std::time::{Duration, SystemTime};

/// How much patience a fetcher has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// For one request: connecting, asking, and reading the answer.
    pub request: Duration,
    /// From the first request to the last.
    pub total: Duration,
    /// Between the first two requests; doubles from then on.
    pub first_delay: Duration,
    /// Never longer than this between two requests, unless the service asks for more.
    pub longest_delay: Duration,
    /// Between two requests to AMD's service.
    pub pace: Duration,
}

impl Default for Patience {
    /// Two minutes in total, at most 30 seconds between requests, ten seconds between requests to AMD.
    fn default() -> Self {
        Self {
            request: Duration::from_secs(20),
            total: Duration::from_secs(120),
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(30),
            pace: Duration::from_secs(10),
        }
    }
}

impl Patience {
    /// For somebody who waits: a quarter of a minute in total.
    #[must_use]
    pub fn brief() -> Self {
        let (request, total) = (Duration::from_secs(10), Duration::from_secs(15));
        Self { request, total, ..Self::default() }
    }

    /// No longer than [`Patience::brief`], where somebody else waits.
    pub(super) fn shortened(self) -> Self {
        let brief = Self::brief();
        Self { request: self.request.min(brief.request), total: self.total.min(brief.total), ..self }
    }

    /// How long to wait before asking again, after `failures` of which the last one came at `now`. `None` when
    /// the next request would come too late.
    pub(super) fn delay(
        &self,
        failures: u32,
        asked: Option<Duration>,
        started: SystemTime,
        now: SystemTime,
    ) -> Option<Duration> {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let own = self.first_delay.saturating_mul(factor).min(self.longest_delay);
        let delay = asked.unwrap_or_default().max(own);
        let spent = now.duration_since(started).unwrap_or_default();
        (spent.saturating_add(delay) <= self.total).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const START: SystemTime = UNIX_EPOCH;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn delays_double_up_to_half_a_minute_and_end_after_two() {
        let patience = Patience::default();
        let mut now = START;
        let mut delays = Vec::new();
        for failures in 1.. {
            let Some(delay) = patience.delay(failures, None, START, now) else { break };
            delays.push(delay.as_secs());
            now += delay;
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn what_the_service_asks_for_is_respected_and_never_undercut() {
        let patience = Patience::default();
        assert_eq!(patience.delay(1, Some(seconds(45)), START, START), Some(seconds(45)));
        assert_eq!(patience.delay(4, Some(seconds(1)), START, START), Some(seconds(8)));
        assert_eq!(patience.delay(1, Some(seconds(121)), START, START), None);
        assert_eq!(patience.delay(u32::MAX, None, START, START), Some(seconds(30)));
    }
}
