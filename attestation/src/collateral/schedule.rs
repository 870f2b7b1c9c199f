//! What to fetch next.

use std::{
    cmp::Reverse,
    collections::HashMap,
    time::{Duration, SystemTime},
};

use super::{Address, FetchError, address::Keep};

/// Between two requests for something that changes.
const RENEWAL: Duration = Duration::from_secs(60 * 60);
/// After a failure of something lasting.
const AGAIN: Duration = Duration::from_secs(60);
/// After a failure of something passing. Longer: anybody can send evidence of made-up chips.
const AGAIN_ON_DEMAND: Duration = Duration::from_secs(10 * 60);
/// Passing things. One more makes another one be forgotten.
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
///
/// Some of it is lasting: what is needed in any case, and what has to be renewed as long as it is used. There is
/// little of that: revocation lists, and TCB info of the kinds of platform that Intel's certificates name. The rest
/// are keys of chips that unverified reports name, as many as somebody likes to make up.
#[derive(Default)]
pub(super) struct Schedule {
    tasks: HashMap<Address, Task>,
    /// How often evidence asked for something.
    asked: u64,
}

struct Task {
    /// `None`: never again.
    due: Option<SystemTime>,
    /// Never forgotten.
    lasting: bool,
    /// Value of [`Schedule::asked`] when evidence last asked for it.
    asked: u64,
    failure: Option<FetchError>,
}

impl Schedule {
    /// From now on, `address` is fetched and renewed.
    pub(super) fn keep_fresh(&mut self, address: Address, now: SystemTime) {
        let new = Task { due: Some(now), lasting: true, asked: self.asked, failure: None };
        self.tasks.entry(address).or_insert(new).lasting = true;
    }

    /// Evidence needs `address`. True if that is news.
    ///
    /// If there are too many keys of chips already, whose evidence came longest ago is forgotten: refusing the
    /// newcomer instead would let whoever makes up enough chips once keep all others out for long.
    pub(super) fn want(&mut self, address: &Address, now: SystemTime) -> bool {
        self.asked = self.asked.saturating_add(1);
        if let Some(task) = self.tasks.get_mut(address) {
            task.asked = self.asked;
            return false;
        }
        let lasting = address.keep() == Keep::Fallback;
        if !lasting && self.passing().count() >= MAX_ON_DEMAND {
            // What failed or is done goes before what still waits for its turn.
            let waits = |task: &Task| task.due.is_some_and(|due| due <= now);
            let forgotten = self.passing().min_by_key(|(_, task)| (waits(task), task.asked));
            if let Some(forgotten) = forgotten.map(|(address, _)| address.clone()) {
                self.tasks.remove(&forgotten);
            }
        }
        let task = Task { due: Some(now), lasting, asked: self.asked, failure: None };
        self.tasks.insert(address.clone(), task);
        true
    }

    /// Why the last attempt failed, if it did.
    pub(super) fn failure(&self, address: &Address) -> Option<&FetchError> {
        self.tasks.get(address)?.failure.as_ref()
    }

    /// What to fetch now. What is lasting comes first, and of that, what waits longest. Keys of chips come in the
    /// opposite order: whoever still waits for one asks again, and whoever made one up long ago does not.
    pub(super) fn next(&self, lane: Lane, now: SystemTime) -> Option<Address> {
        self.due(lane)
            .filter(|(due, _, _)| *due <= now)
            .min_by_key(|(due, task, _)| (!task.lasting, task.lasting.then_some(*due), Reverse(task.asked)))
            .map(|(_, _, address)| address.clone())
    }

    /// When there is something to do.
    pub(super) fn next_due(&self, lane: Lane) -> Option<SystemTime> {
        self.due(lane).map(|(due, _, _)| due).min()
    }

    /// The outcome of a fetch.
    pub(super) fn done(&mut self, address: &Address, failure: Option<FetchError>, now: SystemTime) {
        let Some(task) = self.tasks.get_mut(address) else { return };
        let pause = match (&failure, task.lasting, address.keep()) {
            (Some(_), true, _) => Some(AGAIN),
            (Some(_), false, _) => Some(AGAIN_ON_DEMAND),
            (None, _, Keep::Fallback) => Some(RENEWAL),
            (None, _, Keep::Forever) => None,
        };
        let gone = failure.is_some() && !task.lasting && task.failure.is_some();
        task.due = pause.and_then(|pause| now.checked_add(pause));
        task.failure = failure;
        if gone {
            // Tried twice, ten minutes apart. If evidence still needs it, it asks again.
            self.tasks.remove(address);
        }
    }

    fn passing(&self) -> impl Iterator<Item = (&Address, &Task)> {
        self.tasks.iter().filter(|(_, task)| !task.lasting)
    }

    fn due(&self, lane: Lane) -> impl Iterator<Item = (SystemTime, &Task, &Address)> {
        let due = self.tasks.iter().filter_map(|(address, task)| Some((task.due?, task, address)));
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
        for number in 0..10_000 {
            assert!(schedule.want(&chip(number), NOW));
        }
        assert_eq!(schedule.tasks.len(), MAX_ON_DEMAND);
        schedule.keep_fresh(LIST, NOW);
        assert_eq!(schedule.next(Lane::Amd, NOW), Some(LIST));
        schedule.done(&LIST, None, NOW);
        for number in 0..10_000 {
            schedule.done(&chip(number), Some(FetchError::Stopped), NOW);
        }
        assert_eq!(schedule.next(Lane::Amd, NOW + AGAIN), None);
        assert!(!schedule.want(&chip(9_999), NOW));
        // Failures make room for what is new, and a second failure ends it.
        assert!(schedule.want(&chip(20_000), NOW));
        assert_eq!(schedule.tasks.len(), MAX_ON_DEMAND + 1);
        schedule.done(&chip(20_000), Some(FetchError::Stopped), NOW);
        schedule.done(&chip(20_000), Some(FetchError::Stopped), NOW);
        assert!(schedule.want(&chip(20_000), NOW));
    }

    #[test]
    fn among_chips_whoever_asked_last_comes_first_and_whoever_asked_first_makes_room() {
        let mut schedule = Schedule::default();
        for number in 0..256 {
            schedule.want(&chip(number), NOW);
        }
        schedule.want(&chip(0), NOW);
        schedule.want(&chip(1_000), NOW);
        // The first one asked again, so it is the second one that is forgotten.
        assert!(schedule.tasks.contains_key(&chip(0)) && !schedule.tasks.contains_key(&chip(1)));
        for expected in [1_000, 0, 255, 254] {
            assert_eq!(schedule.next(Lane::Amd, NOW), Some(chip(expected)));
            schedule.done(&chip(expected), None, NOW);
        }
        // What is done goes before what waits, although it asked later.
        schedule.want(&chip(1_001), NOW);
        schedule.want(&chip(1_002), NOW);
        assert!(schedule.tasks.contains_key(&chip(2)) && !schedule.tasks.contains_key(&chip(254)));
    }

    #[test]
    fn what_is_renewed_is_forgotten_neither_after_failures_nor_among_made_up_chips() {
        let mut schedule = Schedule::default();
        let tcb_info = Address::IntelTcbInfo([1; 6]);
        schedule.want(&tcb_info, NOW);
        for failures in 1..5 {
            schedule.done(&tcb_info, Some(FetchError::Stopped), NOW);
            assert_eq!(schedule.next_due(Lane::Intel), Some(NOW + AGAIN), "{failures}");
        }
        for number in 0..1_000 {
            schedule.want(&chip(number), NOW);
        }
        assert_eq!(schedule.next(Lane::Intel, NOW + AGAIN), Some(tcb_info));
    }
}
