//! Items at hand, for verifiers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::SystemTime,
};

use tokio::sync::watch;

use super::{
    Address, Bundle, Clock, ContentError, FetchError, Fetcher, Item, Refresher, Roots, SystemClock,
    address::Keep,
    content::{self, Covers},
    schedule::Schedule,
};
use crate::{
    CollateralSource, Missing,
    snp::{Product, SigningKey, TcbParts},
    tdx::{Collateral, PckCa},
};

mod tdx;

use tdx::Assembled;

/// Room for this many items. A deployment has some ten, and one more for each chip without a certificate of its
/// own.
const CAPACITY: usize = Bundle::MAX_ITEMS;

/// What vendors published, as far as it is here. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Collaterals(Arc<Shared>);

struct Shared {
    items: RwLock<HashMap<Address, Known>>,
    /// Collateral of TDX platforms: reading it is too slow to do it for each piece of evidence.
    tdx: Mutex<HashMap<([u8; 6], PckCa), Assembled>>,
    schedule: Mutex<Schedule>,
    /// Tells the refresher that there is something new in the schedule.
    wake: watch::Sender<()>,
    online: bool,
    roots: Roots,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Known {
    item: Arc<Item>,
    body: Arc<[u8]>,
    since: SystemTime,
}

/// An item that is not used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the {address} is not used: {error}")]
pub struct RejectedItem {
    /// What it should be.
    pub address: Address,
    /// Why it is not.
    pub error: ContentError,
}

impl Collaterals {
    /// Only what [`Collaterals::add`] adds.
    #[must_use]
    pub fn offline() -> Self {
        Self::offline_under(Roots::published())
    }

    /// [`Collaterals::offline`] with other roots.
    #[must_use]
    pub fn offline_under(roots: Roots) -> Self {
        Self::new(false, roots, Arc::new(SystemClock))
    }

    /// What `fetcher` fetches. That happens in the refresher: somebody has to run it.
    #[must_use]
    pub fn online(fetcher: Fetcher) -> (Self, Refresher) {
        let collaterals = Self::new(true, fetcher.roots().clone(), Arc::clone(fetcher.clock()));
        (collaterals.clone(), Refresher::new(fetcher, collaterals))
    }

    fn new(online: bool, roots: Roots, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared {
            items: RwLock::default(),
            tdx: Mutex::default(),
            schedule: Mutex::default(),
            wake: watch::Sender::new(()),
            online,
            roots,
            clock,
        }))
    }

    /// Takes the items of a bundle, and returns those that no vendor signed. Items that are out of date are taken:
    /// whoever uses them refuses evidence for that reason.
    pub fn add(&self, bundle: &Bundle) -> Vec<RejectedItem> {
        let rejected = bundle.items().iter().filter_map(|item| {
            let error = self.put(Arc::new(item.clone())).err()?;
            Some(RejectedItem { address: item.address.clone(), error })
        });
        rejected.collect()
    }

    /// From now on, keeps these items fresh. Does nothing offline.
    pub fn keep_fresh(&self, addresses: impl IntoIterator<Item = Address>) {
        if self.0.online {
            let now = self.0.clock.now();
            let mut schedule = self.schedule();
            addresses.into_iter().for_each(|address| schedule.keep_fresh(address, now));
            drop(schedule);
            self.0.wake.send_replace(());
        }
    }

    /// The item at `address`, if it is here.
    #[must_use]
    pub fn get(&self, address: &Address) -> Option<Arc<Item>> {
        self.known(address).map(|known| known.item)
    }

    /// Why the last attempt to fetch `address` failed, if it did.
    #[must_use]
    pub fn failure(&self, address: &Address) -> Option<FetchError> {
        self.schedule().failure(address).cloned()
    }

    /// Takes an item, unless a newer one is here.
    pub(super) fn put(&self, item: Arc<Item>) -> Result<(), ContentError> {
        let Covers { since, .. } = content::check(&item, &self.0.roots)?;
        let body = Arc::from(item.body.as_slice());
        let mut items = self.0.items.write().unwrap_or_else(PoisonError::into_inner);
        if items.get(&item.address).is_some_and(|known| since < known.since) {
            return Err(ContentError::Older);
        }
        if items.len() >= CAPACITY {
            items.retain(|address, _| !matches!(address, Address::AmdChipKey { .. }));
        }
        items.insert(item.address.clone(), Known { item, body, since });
        Ok(())
    }

    pub(super) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.0.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) -> watch::Receiver<()> {
        self.0.wake.subscribe()
    }

    fn known(&self, address: &Address) -> Option<Known> {
        self.0.items.read().unwrap_or_else(PoisonError::into_inner).get(address).cloned()
    }

    /// The item, or why it is not here. Asks for it, so that it is here next time, and still valid then.
    fn require(&self, address: &Address) -> Result<Known, Missing> {
        if let Some(known) = self.known(address) {
            // That of a bundle, for example, is not in the schedule yet.
            if self.0.online && address.keep() == Keep::Fallback {
                self.want(&mut self.schedule(), address);
            }
            return Ok(known);
        }
        if !self.0.online {
            let empty = self.0.items.read().unwrap_or_else(PoisonError::into_inner).is_empty();
            return Err(if empty { Missing::NotConfigured } else { Missing::NotCovered });
        }
        let mut schedule = self.schedule();
        if let Some(error) = schedule.failure(address) {
            let reason = format!("the {address} could not be fetched: {error}; a bundle could provide it");
            return Err(Missing::NotFetched { reason });
        }
        self.want(&mut schedule, address);
        Err(Missing::BeingFetched)
    }

    fn want(&self, schedule: &mut Schedule, address: &Address) {
        if schedule.want(address, self.0.clock.now()) {
            self.0.wake.send_replace(());
        }
    }
}

impl CollateralSource for Collaterals {
    fn snp_crl(&self, product: Product, kind: SigningKey) -> Result<Arc<[u8]>, Missing> {
        Ok(self.require(&Address::AmdRevocationList { product, kind })?.body)
    }

    fn snp_vcek(&self, product: Product, chip_id: &[u8; 64], tcb: TcbParts) -> Result<Arc<[u8]>, Missing> {
        Ok(self.require(&Address::AmdChipKey { product, chip_id: *chip_id, tcb })?.body)
    }

    fn tdx_collateral(&self, fmspc: [u8; 6], ca: PckCa) -> Result<Arc<Collateral>, Missing> {
        let items = tdx::items(fmspc, ca, |address| Ok(self.require(address)?.item))?;
        let mut assembled = self.0.tdx.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = assembled.get(&(fmspc, ca)).filter(|known| known.is_from(&items)) {
            return Ok(Arc::clone(&known.collateral));
        }
        let new = Assembled::of(items)?;
        let collateral = Arc::clone(&new.collateral);
        assembled.insert((fmspc, ca), new);
        Ok(collateral)
    }
}
