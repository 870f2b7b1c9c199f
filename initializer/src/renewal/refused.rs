//! Patience of a pod that the manifest refuses: only another manifest can change that, and evidence is dear.

use std::time::{Duration, Instant};

use super::MeshCa;
use crate::backoff::shortened;

/// The longest wait. A refusal may have a reason that goes away without a new manifest.
const LONGEST: Duration = Duration::from_secs(600);

/// A refusal, and until when nobody asks again.
#[derive(Default, Debug)]
pub(super) struct Refused {
    /// The mesh CA that was told then.
    by: Option<MeshCa>,
    wait: Duration,
    until: Option<Instant>,
}

impl Refused {
    /// The Coordinator refused the pod when this mesh CA was told. The wait is `first`, and doubles with each further refusal.
    pub(super) fn again(&mut self, told: Option<MeshCa>, first: Duration, now: Instant) {
        let is_another = told.is_some() && told != self.by;
        self.wait = if is_another || self.until.is_none() { first } else { self.wait.saturating_mul(2) };
        self.wait = self.wait.min(LONGEST.max(first));
        self.by = told.or(self.by);
        self.until = Some(now + shortened(self.wait, getrandom::u32().unwrap_or(u32::MAX)));
    }

    /// Whether it is too early to ask again. Not if another mesh CA is told: there is another manifest.
    pub(super) fn is_too_early(&self, told: Option<MeshCa>, now: Instant) -> bool {
        let is_another = told.is_some() && told != self.by;
        !is_another && self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_wait_doubles_up_to_ten_minutes_while_the_mesh_ca_is_the_same() {
        let told = Some(MeshCa::of(b"one"));
        let (mut refused, mut now) = (Refused::default(), Instant::now());
        assert!(!refused.is_too_early(told, now));
        for minutes in [1, 2, 4, 8, 10, 10] {
            refused.again(told, MINUTE, now);
            let full = minutes * MINUTE;
            assert!(refused.is_too_early(told, now + full / 2 - Duration::from_secs(1)), "{minutes}");
            assert!(
                refused.is_too_early(None, now),
                "a Coordinator that tells nothing has no other manifest"
            );
            assert!(!refused.is_too_early(told, now + full), "{minutes}");
            now += full;
        }
    }

    #[test]
    fn another_mesh_ca_ends_the_wait_and_begins_a_new_one() {
        let (one, other) = (Some(MeshCa::of(b"one")), Some(MeshCa::of(b"other")));
        let (mut refused, now) = (Refused::default(), Instant::now());
        (0..5).for_each(|_| refused.again(one, MINUTE, now));
        assert!(!refused.is_too_early(other, now));
        refused.again(other, MINUTE, now);
        assert!(refused.is_too_early(other, now));
        assert!(!refused.is_too_early(other, now + MINUTE));
    }
}
