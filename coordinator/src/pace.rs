//! How often peers are given the seed.
//!
//! Each hand-over is an event for ever, and whoever restarts a peer makes another one. So each policy may have a handful
//! at once, as many replicas as start together, and one a minute in the long run. The clock is the one that only runs
//! forward: a host that sets the time gains nothing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::event::Digest;

/// Hand-overs to one policy that may follow each other at once.
const AT_ONCE: u32 = 8;
/// Time after which one more may follow.
const ONE_MORE_AFTER: Duration = Duration::from_secs(60);

/// When each policy will have its full allowance again. One that has it is not remembered.
#[derive(Debug, Default)]
pub struct Pace(BTreeMap<Digest, Instant>);

impl Pace {
    /// Takes one hand-over from the allowance of `policy`.
    ///
    /// # Errors
    /// How long to wait. Nothing was taken then.
    pub fn take(&mut self, policy: Digest, now: Instant) -> Result<(), Duration> {
        self.0.retain(|_, full| *full > now);
        let full = self.0.get(&policy).copied().unwrap_or(now) + ONE_MORE_AFTER;
        match full.duration_since(now).checked_sub(ONE_MORE_AFTER * AT_ONCE) {
            None | Some(Duration::ZERO) => {
                self.0.insert(policy, full);
                Ok(())
            }
            Some(early) => Err(early),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handful_at_once_and_then_one_a_minute() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        for _ in 0..8 {
            assert_eq!(pace.take([1; 32], start), Ok(()));
        }
        assert_eq!(pace.take([1; 32], start), Err(ONE_MORE_AFTER));
        assert_eq!(pace.take([2; 32], start), Ok(()), "another policy has its own");
        let later = start + Duration::from_secs(60);
        assert_eq!(pace.take([1; 32], later), Ok(()));
        assert!(pace.take([1; 32], later).is_err());
    }

    #[test]
    fn a_day_of_attempts_gives_one_a_minute_and_nothing_is_remembered_for_ever() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let day =
            (0..86_400).filter(|second| pace.take([1; 32], start + Duration::from_secs(*second)).is_ok());
        assert_eq!(day.count(), 1440 + 7);
        let _ = pace.take([2; 32], start + Duration::from_secs(200_000));
        assert_eq!(pace.0.len(), 1);
    }
}
