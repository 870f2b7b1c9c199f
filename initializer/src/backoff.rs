//! How long to wait between attempts.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Delays of one second, doubling up to thirty, each shortened by chance to between half and all of it, so that
/// pods which failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    delay: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { delay: FIRST }
    }

    /// The next delay.
    pub(crate) fn next_delay(&mut self) -> Duration {
        // Without randomness everybody waits the full time: late, but not wrong.
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        let delay = shortened(self.delay, chance);
        self.delay = (self.delay * 2).min(LONGEST);
        delay
    }
}

/// Between half of `delay`, at chance 0, and all of it, at the highest.
pub(crate) fn shortened(delay: Duration, chance: u32) -> Duration {
    let half = delay / 2;
    half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_thirty_seconds() {
        let mut backoff = Backoff::new();
        for full in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
            let delay = backoff.next_delay();
            assert!(full / 2 <= delay && delay <= full, "{delay:?} of {full:?}");
        }
    }

    #[test]
    fn chance_spreads_a_delay_over_its_second_half() {
        let full = Duration::from_secs(30);
        assert_eq!(shortened(full, 0), full / 2);
        assert_eq!(shortened(full, u32::MAX), full);
    }
}
