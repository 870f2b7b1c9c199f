//! Somebody who is connected, and what there is to say for the connection.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::limits::{READING, READING_GRACE, SLOW_READER};

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
    /// Milliseconds from `since` to when it was given a piece of an answer that it has not taken yet; [`NOT_YET`]
    /// otherwise.
    offered: AtomicU64,
    /// Milliseconds from `since` to the beginning of the answer that it is being given; [`NOT_YET`] if there is none.
    answering_since: AtomicU64,
    /// Bytes of that answer that it was offered.
    taken: AtomicU64,
    /// Bytes that it was asked for, or that it takes to be answered.
    earned: AtomicU64,
    /// Held by the one call that is answered with contents.
    answering: Arc<Semaphore>,
    cut: Notify,
}

/// What a connection has to show. Those with the least go first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    /// Nothing, or nothing any more.
    Nothing,
    /// What its stage asks for, or something that nobody has read yet.
    Something,
    /// A call of it is being worked on.
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
            offered: AtomicU64::new(NOT_YET),
            answering_since: AtomicU64::new(NOT_YET),
            taken: AtomicU64::new(0),
            earned: AtomicU64::new(0),
            answering: Arc::new(Semaphore::new(1)),
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
            self.answered.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Waits until no other call of it is answered with contents.
    pub async fn begin_answer(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.answering).acquire_owned().await.ok()
    }

    /// Notes that an answer with contents begins, of which nothing has been taken, or that it is over.
    pub fn is_being_answered(&self, begins: bool) {
        self.taken.store(0, Ordering::Relaxed);
        self.offered.store(NOT_YET, Ordering::Relaxed);
        self.answering_since.store(if begins { self.now() } else { NOT_YET }, Ordering::Relaxed);
    }

    /// Notes that a piece of an answer of so many bytes waits to be taken by it.
    pub fn is_offered(&self, bytes: usize) {
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        self.offered.store(self.now(), Ordering::Relaxed);
    }

    /// Notes that it has taken what it was offered.
    pub fn has_taken(&self) {
        self.offered.store(NOT_YET, Ordering::Relaxed);
    }

    /// Whether it takes its answer so slowly that others come first. What it has to have taken grows with the square of the
    /// time, so that nobody keeps a place by reading just fast enough.
    fn reads_slowly(&self) -> bool {
        let since = self.answering_since.load(Ordering::Relaxed);
        if since == NOT_YET {
            return false;
        }
        let millis = self.now().saturating_sub(since);
        let due = READING.saturating_mul(millis).saturating_mul(millis) / 1_000_000;
        self.keeps_waiting() >= SLOW_READER
            || self.taken.load(Ordering::Relaxed).saturating_add(READING_GRACE) < due
    }

    /// For how long a piece of an answer has been waiting to be taken by it.
    #[must_use]
    pub fn keeps_waiting(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.offered.load(Ordering::Relaxed)))
    }

    /// Allows it to say so many more bytes.
    pub fn earns(&self, bytes: usize) {
        self.earned.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many bytes that is altogether.
    #[must_use]
    pub fn earned(&self) -> u64 {
        self.earned.load(Ordering::Relaxed)
    }

    /// Milliseconds since it came.
    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(NOT_YET)
    }

    /// For how long it has had nothing more to wait for.
    pub(super) fn time_since_answer(&self) -> Option<Duration> {
        let answered = self.answered.load(Ordering::Relaxed);
        (answered != NOT_YET).then(|| self.since.elapsed().saturating_sub(Duration::from_millis(answered)))
    }

    pub(super) fn rank(&self) -> Rank {
        if self.is_busy() {
            // A place is for work. What waits for a slow reader is none.
            if self.reads_slowly() { Rank::Something } else { Rank::Busy }
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    /// Somebody who has come so long ago, and is being given an answer since.
    fn reader(time: Duration, taken: u64) -> Visitor {
        let mut reader = Arc::into_inner(Visitor::new(Ipv4Addr::LOCALHOST.into())).unwrap();
        reader.since = Instant::now().checked_sub(time).unwrap();
        reader.calls.store(1, Ordering::Relaxed);
        reader.answering_since.store(0, Ordering::Relaxed);
        reader.taken.store(taken, Ordering::Relaxed);
        reader
    }

    #[test]
    fn a_slow_reader_is_not_busy() {
        let reader = reader(SLOW_READER, 0);
        assert_eq!(reader.rank(), Rank::Busy);
        reader.is_offered(1);
        assert_eq!(reader.rank(), Rank::Busy, "it has only just been offered something");
        reader.offered.store(0, Ordering::Relaxed);
        assert_eq!(reader.rank(), Rank::Something);
        reader.has_taken();
        assert_eq!(reader.rank(), Rank::Busy, "it has taken what it was offered");
    }

    #[test]
    fn who_takes_an_answer_for_long_has_to_take_more_and_more() {
        for (seconds, kib, rank) in [
            (1, 0, Rank::Busy),
            (4, 1024, Rank::Busy),
            (4, 4 * 82, Rank::Something),
            (16, 16 * 1024, Rank::Busy),
            (30, 30 * 1024, Rank::Something),
        ] {
            let reader = reader(Duration::from_secs(seconds), kib * 1024);
            assert_eq!(reader.rank(), rank, "{kib} KiB in {seconds} s");
        }
        let over = reader(Duration::from_secs(30), 0);
        over.is_being_answered(false);
        assert_eq!(over.rank(), Rank::Busy, "what it does now is no reading");
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
