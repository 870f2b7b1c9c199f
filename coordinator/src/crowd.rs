//! Bounds the number of connections by cutting one when another comes.
//!
//! Refusing the newest would let whoever holds many connections keep everybody else out. Honest clients need
//! a connection for some milliseconds, so the oldest ones are the last to be missed: first those that have shown
//! nothing, and of these first those of an address that has more than its share. Behind a load balancer everybody has
//! one address; then only age counts.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    net::IpAddr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::limits::SHARES;

/// How long somebody waits for a place before looking again.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// Something has not happened.
const NOT_YET: u64 = u64::MAX;

/// Where a connection comes from. Who has one IPv6 address has all that share its first 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Address(u128);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(ip.to_bits().into()),
            IpAddr::V6(ip) => Self(ip.to_bits() >> 64 << 64),
        }
    }
}

/// One connection, from its first packet to its last.
#[derive(Debug)]
pub struct Visitor {
    /// Where it comes from.
    pub address: Address,
    since: Instant,
    shown: AtomicBool,
    unheard: AtomicBool,
    /// Milliseconds from `since` to the end of its first answer; [`NOT_YET`] before.
    answered: AtomicU64,
    calls: AtomicUsize,
    cut: Notify,
}

/// Those with the least go first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    Nothing,
    Something,
    Busy,
}

/// A call of a visitor is being worked on, until this is dropped.
#[derive(Debug)]
pub struct Busy(Arc<Visitor>);

impl Visitor {
    /// Somebody who has just come, and has shown nothing.
    #[must_use]
    pub fn new(ip: IpAddr) -> Arc<Self> {
        Arc::new(Self {
            address: ip.into(),
            since: Instant::now(),
            shown: AtomicBool::new(false),
            unheard: AtomicBool::new(false),
            answered: AtomicU64::new(NOT_YET),
            calls: AtomicUsize::new(0),
            cut: Notify::new(),
        })
    }

    /// Notes whether it has shown what the present stage of its connection asks for.
    pub fn has_shown(&self, something: bool) {
        self.shown.store(something, Ordering::Relaxed);
    }

    /// Notes that a call of it is being worked on.
    #[must_use]
    pub fn begin_work(self: &Arc<Self>) -> Busy {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Ends its connection.
    pub fn cut(&self) {
        self.cut.notify_one();
    }

    /// Waits until the connection has to end. For the one who serves it.
    pub async fn is_cut(&self) {
        self.cut.notified().await;
    }

    /// How long ago it came.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Whether a call of it is being worked on.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 0
    }

    /// Notes whether all that it has said by now was read. Before that, nobody knows what it has to show.
    pub fn is_heard(&self, all: bool) {
        self.unheard.store(!all, Ordering::Relaxed);
    }

    /// Notes that it has had an answer, if none is being worked on any more. Clients come for a call or two: others come
    /// first from then on.
    pub fn is_answered(&self) {
        if !self.is_busy() && self.answered.load(Ordering::Relaxed) == NOT_YET {
            let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(NOT_YET);
            self.answered.store(now, Ordering::Relaxed);
        }
    }

    /// For how long it has had nothing more to wait for.
    fn time_since_answer(&self) -> Option<Duration> {
        let answered = self.answered.load(Ordering::Relaxed);
        (answered != NOT_YET).then(|| self.since.elapsed().saturating_sub(Duration::from_millis(answered)))
    }

    fn rank(&self) -> Rank {
        if self.is_busy() {
            Rank::Busy
        } else if self.answered.load(Ordering::Relaxed) != NOT_YET {
            Rank::Nothing
        } else if self.shown.load(Ordering::Relaxed) || self.unheard.load(Ordering::Relaxed) {
            Rank::Something
        } else {
            Rank::Nothing
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
        self.0.is_answered();
    }
}

/// The connections at one stage, oldest first.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    members: Mutex<Members>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Members {
    next: u64,
    visitors: BTreeMap<u64, Member>,
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
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, members: Mutex::default(), left: Notify::new() })
    }

    /// Takes somebody in; if that makes one too many, another one is cut.
    #[must_use]
    pub fn admit(self: &Arc<Self>, visitor: &Arc<Visitor>) -> Place {
        let mut members = self.members();
        if members.visitors.len() >= self.most
            && let Some(first) = members.first_to_go(self.most / SHARES)
        {
            members.cut(first);
        }
        self.insert(&mut members, visitor)
    }

    /// Like [`Self::admit`], but leaves those who are there at least `respite`, and waits for that. Who takes more than
    /// a share is left less, if the newcomer is somebody else. So a rush of honest clients of one address is served one
    /// after the other.
    pub async fn admit_after(self: &Arc<Self>, respite: Respite, visitor: &Arc<Visitor>) -> Place {
        loop {
            let mut place_left = pin!(self.left.notified());
            let left = {
                let mut members = self.members();
                // Noticed from now on, also before it is waited for.
                place_left.as_mut().enable();
                let first = members.first_to_go(self.most / SHARES);
                match first.filter(|_| members.visitors.len() >= self.most) {
                    None => return self.insert(&mut members, visitor),
                    Some(first) => {
                        let Some(member) = members.visitors.get(&first) else { continue };
                        let age = member.visitor.time_since_answer().unwrap_or(member.admitted.elapsed());
                        let is_other = member.visitor.address != visitor.address
                            && members.has_enough(&member.visitor, self.most / SHARES);
                        let rank = member.visitor.rank();
                        let respite = match rank {
                            // Somebody else does not wait for who takes more than a share.
                            Rank::Busy if is_other => respite.after,
                            _ if is_other => Duration::ZERO,
                            rank => respite.of(rank),
                        };
                        if age >= respite {
                            members.cut(first);
                            return self.insert(&mut members, visitor);
                        }
                        respite.saturating_sub(age).min(LONGEST_NAP)
                    }
                }
            };
            let _ = tokio::time::timeout(left, place_left).await;
        }
    }

    fn insert(self: &Arc<Self>, members: &mut Members, visitor: &Arc<Visitor>) -> Place {
        Place { crowd: Arc::clone(self), number: members.insert(visitor) }
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

impl Members {
    fn insert(&mut self, visitor: &Arc<Visitor>) -> u64 {
        let number = self.next;
        self.next += 1;
        *self.of_address.entry(visitor.address).or_default() += 1;
        self.visitors.insert(number, Member { visitor: Arc::clone(visitor), admitted: Instant::now() });
        number
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

    fn has_enough(&self, one: &Visitor, share: usize) -> bool {
        self.of_address.get(&one.address).is_some_and(|number| *number > share)
    }

    /// In a flood this is the oldest or one of the next, so that looking for it costs next to nothing.
    fn first_to_go(&self, share: usize) -> Option<u64> {
        let mut first = None;
        for (number, Member { visitor, .. }) in &self.visitors {
            let rank = (visitor.rank(), !self.has_enough(visitor, share));
            if rank == (Rank::Nothing, false) {
                return Some(*number);
            }
            if first.is_none_or(|(least, _)| rank < least) {
                first = Some((rank, *number));
            }
        }
        first.map(|(_, number)| number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.members().remove(self.number);
        self.crowd.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn from(host: u8) -> Arc<Visitor> {
        Visitor::new(Ipv4Addr::new(192, 0, 2, host).into())
    }

    async fn is_cut(visitor: &Visitor) -> bool {
        tokio::time::timeout(Duration::ZERO, visitor.is_cut()).await.is_ok()
    }

    #[tokio::test]
    async fn the_oldest_is_cut_and_no_other() {
        let crowd = Crowd::new(2);
        let [gone, first, second, third] = [(); 4].map(|()| from(1));
        drop(crowd.admit(&gone));
        let _places = [&first, &second, &third].map(|visitor| crowd.admit(visitor));
        assert!(is_cut(&first).await);
        assert!(!is_cut(&second).await && !is_cut(&third).await);
        assert!(!is_cut(&gone).await, "who has left does not count");
    }

    #[tokio::test]
    async fn who_has_shown_something_or_is_being_served_stays_longer() {
        let crowd = Crowd::new(3);
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
        let crowd = Crowd::new(8);
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
        let crowd = Crowd::new(2);
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

    #[test]
    fn a_network_of_64_bits_is_one_address_and_so_are_both_forms_of_an_old_one() {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        let old = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(Address::from(IpAddr::V6(old.to_ipv6_mapped())), Address::from(IpAddr::V4(old)));
        assert_ne!(Address::from(IpAddr::V6(Ipv6Addr::LOCALHOST)), Address::from(IpAddr::V4(old)));
    }
}
