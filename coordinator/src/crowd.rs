//! Bounds the number of connections by cutting one when another comes.
//!
//! Refusing the newest would let whoever holds many connections keep everybody else out. Honest clients need
//! a connection for some milliseconds, so the oldest ones are the last to be missed: first those that have shown
//! nothing, and of these first those of the address that has most. Behind a load balancer everybody has one address;
//! then only age counts.
//!
//! Those who wait for a place come in by the same rule: first somebody of the address that has fewest. Of one address, the
//! newest and the oldest are served in turn: in a queue that an attacker keeps filled, whoever is new would wait for all of
//! it; and if only the newest were served, some would wait for ever.

mod visitor;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::limits::SHARES;

pub use visitor::{Address, Busy, Visitor};

use visitor::Rank;

/// How long the next one waits for a place before looking again: what somebody has to show may have changed meanwhile.
const NEXT_LOOK: Duration = Duration::from_millis(5);
/// How long others wait who are not told anything.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// Who goes first when there are too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// Those of the address that has most, whatever they have shown: here, everybody can show something.
    OfMany,
    /// Those who have shown nothing, wherever they come from.
    WithNothing,
}

/// The connections at one stage, oldest first.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    first: First,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    next: u64,
    visitors: BTreeMap<u64, Member>,
    /// Those who wait for a place, by address and by the number that they will have.
    waiting: HashMap<Address, BTreeMap<u64, Arc<Notify>>>,
    /// Whether the next place is for the one of an address who has waited longest.
    oldest_is_next: bool,
    /// How many of them are of each address. Counted along, since a flood asks at every connection.
    of_address: HashMap<Address, usize>,
}

#[derive(Debug)]
struct Member {
    visitor: Arc<Visitor>,
    admitted: Instant,
}

/// How long a member stays at least, although another one waits for its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Respite {
    /// Before it has shown something.
    pub before: Duration,
    /// After it has shown something.
    pub after: Duration,
}

impl Respite {
    fn of(self, rank: Rank) -> Duration {
        match rank {
            Rank::Nothing => self.before,
            Rank::Something => self.after,
            // What is being done for it has an end of its own.
            Rank::Busy => Duration::MAX,
        }
    }
}

/// A place in a crowd, until this is dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Crowd {
    /// A crowd of `most` at most.
    #[must_use]
    pub fn new(most: usize, first: First) -> Arc<Self> {
        Arc::new(Self { most, first, members: Mutex::default() })
    }

    /// Takes somebody in; if that makes one too many, another one is cut.
    #[must_use]
    pub fn admit(self: &Arc<Self>, visitor: &Arc<Visitor>) -> Place {
        let mut members = self.members();
        if members.visitors.len() >= self.most
            && let Some(first) = members.first_to_go(self.first)
        {
            members.cut(first);
        }
        let number = members.number();
        members.insert(number, visitor);
        Place { crowd: Arc::clone(self), number }
    }

    /// Like [`Self::admit`], but leaves those who are there at least `respite`, and waits for that. An address that has
    /// many places is left less, if the newcomer is somebody else. So a rush of honest clients of one address is served
    /// one after the other.
    pub async fn admit_after(self: &Arc<Self>, respite: Respite, visitor: &Arc<Visitor>) -> Place {
        let turn = Arc::new(Notify::new());
        let (waiting, number) = {
            let mut members = self.members();
            let number = members.number();
            members.waiting.entry(visitor.address).or_default().insert(number, Arc::clone(&turn));
            (Waiting { crowd: self, address: visitor.address, number }, number)
        };
        loop {
            let nap = {
                let mut members = self.members();
                match members.time_until_place(self, number, respite, visitor) {
                    Duration::ZERO => {
                        members.insert(number, visitor);
                        break;
                    }
                    time => time,
                }
            };
            let _ = tokio::time::timeout(nap, turn.notified()).await;
        }
        drop(waiting);
        Place { crowd: Arc::clone(self), number }
    }

    /// Cuts those who came longer ago than `age`, and those for whom nothing is being done from the age `idle` on.
    pub fn cut_old(&self, idle: Duration, age: Duration) {
        for Member { visitor, .. } in self.members().visitors.values() {
            if visitor.age() > age || (visitor.age() > idle && !visitor.is_busy()) {
                visitor.cut();
            }
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for a place, until this is dropped.
struct Waiting<'a> {
    crowd: &'a Crowd,
    address: Address,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut members = self.crowd.members();
        if let Entry::Occupied(mut of_address) = members.waiting.entry(self.address) {
            of_address.get_mut().remove(&self.number);
            if of_address.get().is_empty() {
                of_address.remove();
            }
        }
        members.oldest_is_next = !members.oldest_is_next;
        members.tell_next();
    }
}

impl Members {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// How long who waits under this number has to wait before looking again. Zero: there is a place now.
    fn time_until_place(
        &mut self,
        crowd: &Crowd,
        number: u64,
        respite: Respite,
        newcomer: &Visitor,
    ) -> Duration {
        if self.next_of_waiting().is_some_and(|(next, _)| *next != number) {
            return LONGEST_NAP;
        }
        if self.visitors.len() < crowd.most {
            return Duration::ZERO;
        }
        let first = self.first_to_go(crowd.first);
        let Some((first, member)) = first.and_then(|first| Some((first, self.visitors.get(&first)?))) else {
            return Duration::ZERO;
        };
        let many = self.of(member.visitor.address);
        // Somebody else does not wait for who has many more.
        let is_other = many > crowd.most / SHARES && many >= 2 * (self.of(newcomer.address) + 1);
        let respite = match member.visitor.rank() {
            Rank::Busy if is_other => respite.after,
            _ if is_other => Duration::ZERO,
            rank => respite.of(rank),
        };
        let age = member.visitor.time_since_answer().unwrap_or(member.admitted.elapsed());
        let left = respite.saturating_sub(age);
        if left.is_zero() {
            self.cut(first);
        }
        left.min(NEXT_LOOK)
    }

    fn insert(&mut self, number: u64, visitor: &Arc<Visitor>) {
        *self.of_address.entry(visitor.address).or_default() += 1;
        self.visitors.insert(number, Member { visitor: Arc::clone(visitor), admitted: Instant::now() });
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Visitor>> {
        let Member { visitor, .. } = self.visitors.remove(&number)?;
        if let Entry::Occupied(mut entry) = self.of_address.entry(visitor.address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
        Some(visitor)
    }

    fn cut(&mut self, number: u64) {
        if let Some(visitor) = self.remove(number) {
            visitor.cut();
        }
    }

    fn next_of_waiting(&self) -> Option<(&u64, &Arc<Notify>)> {
        let (_, next) = self.waiting.iter().min_by_key(|(address, _)| self.of(**address))?;
        if self.oldest_is_next { next.first_key_value() } else { next.last_key_value() }
    }

    /// Lets the next of those who wait look whether there is a place.
    fn tell_next(&self) {
        if let Some((_, turn)) = self.next_of_waiting() {
            turn.notify_one();
        }
    }

    /// How many places an address has.
    fn of(&self, address: Address) -> usize {
        self.of_address.get(&address).copied().unwrap_or_default()
    }

    /// The oldest of those who go first, but for whom nothing is being done. In a flood this is one of the first in any
    /// case, so that looking for it costs next to nothing.
    fn first_to_go(&self, first: First) -> Option<u64> {
        let most = self.of_address.values().copied().max()?;
        let order = |rank: Rank, many: usize| match first {
            First::OfMany => (rank == Rank::Busy, Reverse(many), rank, Reverse(0)),
            First::WithNothing => (rank == Rank::Busy, Reverse(0), rank, Reverse(many)),
        };
        let least = order(Rank::Nothing, most);
        let mut found = None;
        for (number, Member { visitor, .. }) in &self.visitors {
            let order = order(visitor.rank(), self.of(visitor.address));
            if order == least {
                return Some(*number);
            }
            if found.is_none_or(|(first, _)| order < first) {
                found = Some((order, *number));
            }
        }
        found.map(|(_, number)| number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut members = self.crowd.members();
        members.remove(self.number);
        members.tell_next();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn from(host: u8) -> Arc<Visitor> {
        Visitor::new(Ipv4Addr::new(192, 0, 2, host).into())
    }

    async fn is_cut(visitor: &Visitor) -> bool {
        tokio::time::timeout(Duration::ZERO, visitor.is_cut()).await.is_ok()
    }

    #[tokio::test]
    async fn the_oldest_is_cut_and_no_other() {
        let crowd = Crowd::new(2, First::WithNothing);
        let [gone, first, second, third] = [(); 4].map(|()| from(1));
        drop(crowd.admit(&gone));
        let _places = [&first, &second, &third].map(|visitor| crowd.admit(visitor));
        assert!(is_cut(&first).await);
        assert!(!is_cut(&second).await && !is_cut(&third).await);
        assert!(!is_cut(&gone).await, "who has left does not count");
    }

    #[tokio::test]
    async fn who_has_shown_something_or_is_being_served_stays_longer() {
        let crowd = Crowd::new(3, First::WithNothing);
        let [served, owner, stranger, newest] = [(); 4].map(|()| from(1));
        let busy = served.begin_work();
        owner.has_shown(true);
        let mut places = Vec::from([&served, &owner, &stranger, &newest].map(|visitor| crowd.admit(visitor)));
        assert!(is_cut(&stranger).await);
        newest.has_shown(true);
        places.push(crowd.admit(&from(1)));
        assert!(is_cut(&owner).await, "the next is the older of those who have");
        drop(busy);
        places.push(crowd.admit(&from(1)));
        assert!(!is_cut(&newest).await);
    }

    #[tokio::test]
    async fn an_address_with_more_than_its_share_gives_way_first() {
        let crowd = Crowd::new(8, First::WithNothing);
        let alone = from(1);
        let many: Vec<_> = (0..20).map(|_| from(2)).collect();
        let mut places = vec![crowd.admit(&alone)];
        places.extend(many.iter().map(|visitor| crowd.admit(visitor)));
        assert!(!is_cut(&alone).await);
        assert!(is_cut(&many[12]).await && !is_cut(&many[13]).await, "and keeps what nobody else needs");
    }

    #[tokio::test]
    async fn who_has_just_come_has_time_for_what_it_came_for() {
        let respite = Respite { before: Duration::ZERO, after: Duration::from_secs(3600) };
        let crowd = Crowd::new(2, First::WithNothing);
        let [first, second, third] = [(); 3].map(|()| from(1));
        first.has_shown(true);
        second.has_shown(true);
        third.has_shown(true);
        let leaving = crowd.admit_after(respite, &first).await;
        let _place = crowd.admit_after(respite, &second).await;
        let waiting = tokio::spawn({
            let (crowd, third) = (Arc::clone(&crowd), Arc::clone(&third));
            async move { crowd.admit_after(respite, &third).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(leaving);
        let _third = waiting.await.unwrap();
        assert!(!is_cut(&first).await && !is_cut(&second).await);
        let _other = crowd.admit_after(respite, &from(2)).await;
        assert!(is_cut(&second).await, "one address must not keep another one waiting");
    }

    /// The last bytes of the addresses of those who wait, in the order in which they are let in.
    async fn order_of_waiting(present: &[u8], waiting: &[u8]) -> Vec<usize> {
        let respite = Respite { before: Duration::from_secs(3600), after: Duration::from_secs(3600) };
        let crowd = Crowd::new(present.len(), First::WithNothing);
        let present: Vec<_> = present.iter().map(|host| from(*host)).collect();
        let mut places: Vec<_> = present.iter().map(|visitor| crowd.admit(visitor)).collect();
        let (enter, mut entered) = tokio::sync::mpsc::unbounded_channel();
        for (number, host) in waiting.iter().copied().enumerate() {
            let (crowd, enter) = (Arc::clone(&crowd), enter.clone());
            tokio::spawn(async move {
                let place = crowd.admit_after(respite, &from(host)).await;
                enter.send((number, place)).unwrap();
            });
            tokio::task::yield_now().await;
        }
        drop((enter, places.pop()));
        let mut order = Vec::new();
        while let Some((number, place)) = entered.recv().await {
            order.push(number);
            drop(place);
        }
        order
    }

    #[tokio::test]
    async fn the_newest_and_the_oldest_come_in_by_turns() {
        assert_eq!(order_of_waiting(&[1], &[1, 1, 1, 1, 1]).await, [4, 0, 3, 1, 2]);
    }

    #[tokio::test]
    async fn somebody_of_the_address_with_fewest_comes_in_first() {
        assert_eq!(order_of_waiting(&[1, 1, 1, 2, 2, 3], &[1, 2, 3]).await, [2, 1, 0]);
    }

    #[tokio::test]
    async fn however_many_addresses_share_the_places_a_new_one_does_not_wait() {
        let respite = Respite { before: Duration::from_secs(3600), after: Duration::from_secs(3600) };
        let crowd = Crowd::new(64, First::WithNothing);
        let many: Vec<_> = (0..64).map(|number| from(number % 8)).collect();
        let _places: Vec<_> = many.iter().map(|visitor| crowd.admit(visitor)).collect();
        let _place = crowd.admit_after(respite, &from(99)).await;
        assert!(is_cut(&many[0]).await);
    }

    #[tokio::test]
    async fn where_anybody_can_show_something_those_of_an_address_with_many_go_first() {
        for (first, who) in [(First::OfMany, 1), (First::WithNothing, 0)] {
            let crowd = Crowd::new(3, first);
            let visitors = [from(1), from(2), from(2)];
            visitors[1].has_shown(true);
            visitors[2].has_shown(true);
            let _places: Vec<_> = visitors.iter().map(|visitor| crowd.admit(visitor)).collect();
            let _place = crowd.admit(&from(3));
            assert!(is_cut(&visitors[who]).await, "{first:?}");
        }
    }
}
