//! How long honest clients waited.

use std::time::Duration;

/// Visits of honest clients to one API.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    /// How long each took that succeeded, ascending.
    times: Vec<Duration>,
    /// Why the others failed.
    pub failures: Vec<String>,
}

impl Waits {
    /// Of these visits.
    #[must_use]
    pub fn of(visits: impl IntoIterator<Item = Result<Duration, String>>) -> Self {
        let mut waits = Self::default();
        for visit in visits {
            match visit {
                Ok(time) => waits.times.push(time),
                Err(failure) => waits.failures.push(failure),
            }
        }
        waits.times.sort();
        waits
    }

    /// The time that so many of a hundred visits did not exceed. `None` if none succeeded.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.times.len() * percent).div_ceil(100);
        self.times.get(rank.saturating_sub(1)).copied()
    }

    /// How many visits there were, those that failed among them.
    #[must_use]
    pub fn visits(&self) -> usize {
        self.times.len() + self.failures.len()
    }

    /// What the slowest hundredth may take under attack if `self` was quiet: twice as long, and 50 ms.
    #[must_use]
    pub fn bearable(&self) -> Duration {
        self.percentile(99).unwrap_or_default() * 2 + Duration::from_millis(50)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(times: impl IntoIterator<Item = u64>) -> Waits {
        Waits::of(times.into_iter().map(|time| Ok(Duration::from_millis(time))))
    }

    #[test]
    fn percentiles_are_times_that_occurred() {
        let waits = millis((1..=200).rev());
        assert_eq!(waits.percentile(50), Some(Duration::from_millis(100)));
        assert_eq!(waits.percentile(99), Some(Duration::from_millis(198)));
        assert_eq!(millis([7]).percentile(99), Some(Duration::from_millis(7)));
        assert_eq!(millis([]).percentile(99), None);
    }

    #[test]
    fn failed_visits_are_counted_and_have_no_time() {
        let waits = Waits::of([Err("late".to_owned()), Ok(Duration::from_millis(3))]);
        assert_eq!((waits.visits(), waits.failures.len()), (2, 1));
        assert_eq!(waits.bearable(), Duration::from_millis(56));
    }
}
