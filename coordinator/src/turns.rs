//! Turns at something that few can do at a time, such as sending a manifest or reading the history.
//!
//! Who waits costs nothing here. Turns go round by address: the next one goes to the address whose last turn is the
//! longest ago, and within an address to who has waited longest. So one address can have all turns while it is alone, and
//! never more than every other one while it is not.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{crowd::Address, refusal::Refusal};

/// A number of turns, and those who wait for one.
#[derive(Debug)]
pub struct Turns {
    most_waiting: usize,
    patience: Duration,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    waiting: VecDeque<(Address, oneshot::Sender<Turn>)>,
    /// When an address had its last turn, counted in turns. Only addresses in the queue matter.
    last: HashMap<Address, u64>,
    turns: u64,
}

/// A turn, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    returned: bool,
}

impl Turns {
    /// `free` turns at a time, for which at most `most_waiting` wait, and none longer than `patience`.
    #[must_use]
    pub fn new(free: usize, most_waiting: usize, patience: Duration) -> Arc<Self> {
        let queue = Queue { free, waiting: VecDeque::new(), last: HashMap::new(), turns: 0 };
        Arc::new(Self { most_waiting, patience, queue: Mutex::new(queue) })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Refusal::Busy`] after too long a wait, or if too many wait; then it meets the oldest of the address that has the
    /// most waiting.
    pub async fn take(self: &Arc<Self>, address: Address) -> Result<Turn, Refusal> {
        let (grant, granted) = oneshot::channel();
        {
            let mut queue = self.queue();
            if let Some(free) = queue.free.checked_sub(1) {
                queue.free = free;
                queue.note(address);
                return Ok(self.turn());
            }
            queue.waiting.push_back((address, grant));
            queue.make_room(self.most_waiting);
        }
        let granted = tokio::time::timeout(self.patience, granted).await;
        granted.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Busy)
    }

    /// Whether anybody waits.
    #[must_use]
    pub fn are_awaited(&self) -> bool {
        self.queue().waiting.iter().any(|(_, grant)| !grant.is_closed())
    }

    fn turn(self: &Arc<Self>) -> Turn {
        Turn { turns: Arc::clone(self), returned: false }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a turn on that has become free.
    fn hand_on(self: &Arc<Self>) {
        let mut queue = self.queue();
        while let Some(grant) = queue.next() {
            match grant.send(self.turn()) {
                Ok(()) => return,
                // Gone in the meantime.
                Err(mut turn) => turn.returned = true,
            }
        }
        queue.free += 1;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.returned {
            self.turns.hand_on();
        }
    }
}

impl Queue {
    /// Takes the next one out of the queue.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let last = |address| self.last.get(address).copied().unwrap_or_default();
        let (index, _) = self.waiting.iter().enumerate().min_by_key(|(_, (address, _))| last(address))?;
        let (address, grant) = self.waiting.remove(index)?;
        self.note(address);
        Some(grant)
    }

    fn note(&mut self, address: Address) {
        self.turns += 1;
        if self.last.len() > 2 * self.waiting.len() {
            let waiting = &self.waiting;
            self.last.retain(|address, _| waiting.iter().any(|(other, _)| other == address));
        }
        self.last.insert(address, self.turns);
    }

    fn make_room(&mut self, most: usize) {
        if self.waiting.len() <= most {
            return;
        }
        self.waiting.retain(|(_, grant)| !grant.is_closed());
        if self.waiting.len() <= most {
            return;
        }
        let mut of_address = HashMap::<Address, usize>::new();
        for (address, _) in &self.waiting {
            *of_address.entry(*address).or_default() += 1;
        }
        let Some(many) = of_address.iter().max_by_key(|(_, number)| **number) else { return };
        if let Some(oldest) = self.waiting.iter().position(|(address, _)| address == many.0) {
            self.waiting.remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(host: u8) -> Address {
        IpAddr::from(Ipv4Addr::new(192, 0, 2, host)).into()
    }

    /// Who gets a turn, in order, of those who wait behind a first one.
    async fn order_of(waiting: &[u8], most_waiting: usize) -> Vec<Option<u8>> {
        let turns = Turns::new(1, most_waiting, Duration::from_secs(60));
        let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
        let first = turns.take(address(1)).await.unwrap();
        for host in waiting.iter().copied() {
            let (turns, served) = (Arc::clone(&turns), served.clone());
            tokio::spawn(async move {
                let turn = turns.take(address(host)).await;
                served.send(turn.is_ok().then_some(host)).unwrap();
            });
            tokio::task::yield_now().await;
        }
        drop((served, first));
        let mut found = Vec::new();
        while let Some(host) = order.recv().await {
            found.push(host);
        }
        assert_eq!(turns.queue().free, 1);
        found
    }

    #[tokio::test]
    async fn turns_go_round_by_address() {
        assert_eq!(order_of(&[1, 1, 1, 2, 2, 3], 9).await, [2, 3, 1, 2, 1, 1].map(Some));
    }

    #[tokio::test]
    async fn the_oldest_of_the_address_with_the_most_is_refused_if_too_many_wait() {
        assert_eq!(order_of(&[2, 1, 1, 1], 3).await, [None, Some(2), Some(1), Some(1)]);
    }

    #[tokio::test]
    async fn who_does_not_wait_any_more_is_passed_over() {
        let turns = Turns::new(1, 9, Duration::ZERO);
        let first = turns.take(address(1)).await.unwrap();
        assert!(matches!(turns.take(address(2)).await, Err(Refusal::Busy)));
        assert!(!turns.are_awaited());
        drop(first);
        turns.take(address(3)).await.unwrap();
    }
}
