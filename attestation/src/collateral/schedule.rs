//! What to fetch next.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use super::{Address, FetchError, address::Keep};

/// Between two requests for something that changes.
const RENEWAL: Duration = Duration::from_secs(60 * 60);
/// After a failure of something that is needed in any case.
const AGAIN: Duration = Duration::from_secs(60);
/// After a failure of something that evidence asked for. Longer: anybody can send evidence of made-up chips.
const AGAIN_ON_DEMAND: Duration = Duration::from_secs(10 * 60);
/// Things that evidence asked for. More are not remembered, until some are over.
const MAX_ON_DEMAND: usize = 256;

/// The services that are asked independently of each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// Key distribution service of AMD.
    Amd,
    /// Provisioning certification service of Intel.
    Intel,
}

impl Lane {
    fn of(address: &Address) -> Self {
        if address.is_paced() { Self::Amd } else { Self::Intel }
    }
}

/// The plan of a refresher.
#[derive(Default)]
pub(super) struct Schedule {
    tasks: HashMap<Address, Task>,
}

struct Task {
    /// `None`: never again.
    due: Option<SystemTime>,
    /// Needed in any case, and not only because some evidence asked for it.
    standing: bool,
    failure: Option<FetchError>,
}

impl Schedule {
    /// From now on, `address` is fetched and renewed.
    pub(super) fn keep_fresh(&mut self, address: Address, now: SystemTime) {
        let task =
            self.tasks.entry(address).or_insert(Task { due: Some(now), standing: true, failure: None });
        task.standing = true;
    }

    /// Evidence needs `address`. True if that is news.
    pub(super) fn want(&mut self, address: &Address, now: SystemTime) -> bool {
        if self.tasks.contains_key(address) {
            return false;
        }
        let on_demand = |task: &Task| !task.standing;
        if self.tasks.values().filter(|task| on_demand(task)).count() >= MAX_ON_DEMAND {
            // Room is made by what failed or is done; what still waits for its turn stays.
            self.tasks.retain(|_, task| task.standing || task.due.is_some_and(|due| due <= now));
        }
        if self.tasks.values().filter(|task| on_demand(task)).count() >= MAX_ON_DEMAND {
            return false;
        }
        self.tasks.insert(address.clone(), Task { due: Some(now), standing: false, failure: None });
        true
    }

    /// Why the last attempt failed, if it did.
    pub(super) fn failure(&self, address: &Address) -> Option<&FetchError> {
        self.tasks.get(address)?.failure.as_ref()
    }

    /// What to fetch now: what is needed in any case comes first, and what waits longest.
    pub(super) fn next(&self, lane: Lane, now: SystemTime) -> Option<Address> {
        self.due(lane)
            .filter(|(due, _, _)| *due <= now)
            .min_by_key(|(due, standing, _)| (!standing, *due))
            .map(|(_, _, address)| address.clone())
    }

    /// When there is something to do.
    pub(super) fn next_due(&self, lane: Lane) -> Option<SystemTime> {
        self.due(lane).map(|(due, _, _)| due).min()
    }

    /// The outcome of a fetch.
    pub(super) fn done(&mut self, address: &Address, failure: Option<FetchError>, now: SystemTime) {
        let Some(task) = self.tasks.get_mut(address) else { return };
        let pause = match (&failure, task.standing, address.keep()) {
            (Some(_), true, _) => Some(AGAIN),
            (Some(_), false, _) => Some(AGAIN_ON_DEMAND),
            (None, _, Keep::Fallback) => Some(RENEWAL),
            (None, _, Keep::Forever) => None,
        };
        let gone = failure.is_some() && !task.standing && task.failure.is_some();
        task.due = pause.and_then(|pause| now.checked_add(pause));
        task.failure = failure;
        if gone {
            // Tried twice, ten minutes apart. If evidence still needs it, it asks again.
            self.tasks.remove(address);
        }
    }

    fn due(&self, lane: Lane) -> impl Iterator<Item = (SystemTime, bool, &Address)> {
        let due = self.tasks.iter().filter_map(|(address, task)| Some((task.due?, task.standing, address)));
        due.filter(move |(_, _, address)| Lane::of(address) == lane)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::snp::{Product, SigningKey, TcbParts};

    const NOW: SystemTime = UNIX_EPOCH;
    const LIST: Address = Address::AmdRevocationList { product: Product::Milan, kind: SigningKey::Vcek };

    fn chip(number: u16) -> Address {
        let mut chip_id = [0; 64];
        chip_id[..2].copy_from_slice(&number.to_be_bytes());
        let tcb = TcbParts { bootloader: 0, tee: 0, snp: 0, microcode: 0, fmc: None };
        Address::AmdChipKey { product: Product::Milan, chip_id, tcb }
    }

    #[test]
    fn what_is_needed_in_any_case_comes_first() {
        let mut schedule = Schedule::default();
        assert!(schedule.want(&chip(1), NOW));
        assert!(!schedule.want(&chip(1), NOW));
        schedule.keep_fresh(LIST, NOW + AGAIN);
        assert_eq!(schedule.next(Lane::Amd, NOW), Some(chip(1)));
        assert_eq!(schedule.next(Lane::Amd, NOW + AGAIN), Some(LIST));
    }

    #[test]
    fn what_changes_is_renewed_and_what_does_not_is_left_alone() {
        let mut schedule = Schedule::default();
        schedule.keep_fresh(LIST, NOW);
        schedule.want(&chip(1), NOW);
        schedule.done(&LIST, None, NOW);
        schedule.done(&chip(1), None, NOW);
        assert_eq!(schedule.next_due(Lane::Amd), Some(NOW + RENEWAL));
        schedule.done(&LIST, Some(FetchError::Stopped), NOW);
        assert_eq!(schedule.next_due(Lane::Amd), Some(NOW + AGAIN));
        assert!(schedule.failure(&LIST).is_some());
    }

    #[test]
    fn made_up_chips_neither_grow_the_plan_without_end_nor_are_asked_for_again_and_again() {
        let mut schedule = Schedule::default();
        let wanted = (0..10_000).filter(|number| schedule.want(&chip(*number), NOW)).count();
        assert_eq!(wanted, MAX_ON_DEMAND);
        schedule.keep_fresh(LIST, NOW);
        assert_eq!(schedule.next(Lane::Amd, NOW), Some(LIST));
        schedule.done(&LIST, None, NOW);
        for number in 0..10_000 {
            schedule.done(&chip(number), Some(FetchError::Stopped), NOW);
        }
        assert_eq!(schedule.next(Lane::Amd, NOW + AGAIN), None);
        assert!(!schedule.want(&chip(1), NOW));
        // Failures make room for what is new, and a second failure ends it.
        assert!(schedule.want(&chip(20_000), NOW));
        schedule.done(&chip(20_000), Some(FetchError::Stopped), NOW);
        schedule.done(&chip(20_000), Some(FetchError::Stopped), NOW);
        assert!(schedule.want(&chip(20_000), NOW));
    }
}
