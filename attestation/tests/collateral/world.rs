//! What the tests are about: a processor, its vendor's certificates and lists, and time.

use std::{
    future::Future,
    path::Path,
    pin::Pin,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, SystemTime},
};

use contrast_attestation::{
    collateral::{Address, Clock, Fetcher, Patience, Roots},
    simulated::{Hierarchy, Processor},
    snp::{Product, SigningKey, TcbParts},
};

use crate::vendor::Vendor;

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const LIST: Address =
    Address::AmdRevocationList { product: Product::Genoa, kind: SigningKey::Vcek };
/// Nothing needs it before evidence is signed by a VLEK.
pub(crate) const VLEK_LIST: Address =
    Address::AmdRevocationList { product: Product::Genoa, kind: SigningKey::Vlek };

/// Making RSA keys takes seconds: one hierarchy serves all tests.
pub(crate) static GENOA: LazyLock<Hierarchy> = LazyLock::new(|| Hierarchy::generate(Product::Genoa).unwrap());
/// A root of the same name that nobody trusts.
pub(crate) static FOREIGN: LazyLock<Hierarchy> =
    LazyLock::new(|| Hierarchy::generate(Product::Genoa).unwrap());
pub(crate) static PROCESSOR: LazyLock<Processor> = LazyLock::new(|| Processor::new(&GENOA).unwrap());

pub(crate) fn roots() -> Roots {
    Roots::published().with_amd(GENOA.ark().to_vec(), GENOA.ask().to_vec())
}

/// A list that is valid for an hour in both directions, from now or from some time ago.
pub(crate) fn list(hierarchy: &Hierarchy, ago: Duration) -> Vec<u8> {
    let then = SystemTime::now() - ago;
    hierarchy.revocation_list(&[0x77], then - HOUR, then + HOUR).unwrap()
}

/// Where the certificate of the processor is.
pub(crate) fn chip_key() -> Address {
    let (chip_id, tcb) = (PROCESSOR.chip_id(), PROCESSOR.tcb());
    Address::AmdChipKey { product: Product::Genoa, chip_id, tcb }
}

pub(crate) fn other_chip_key() -> Address {
    let tcb = TcbParts { microcode: 1, ..PROCESSOR.tcb() };
    Address::AmdChipKey { product: Product::Genoa, chip_id: PROCESSOR.chip_id(), tcb }
}

/// Time that passes only while somebody waits, and then at once.
#[derive(Default)]
pub(crate) struct TestClock {
    start: Option<SystemTime>,
    waits: Mutex<Vec<Duration>>,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Self::at(SystemTime::now())
    }

    pub(crate) fn at(start: SystemTime) -> Arc<Self> {
        Arc::new(Self { start: Some(start), waits: Mutex::default() })
    }

    /// How long was waited each time, in seconds.
    pub(crate) fn waits(&self) -> Vec<u64> {
        self.waits.lock().unwrap().iter().map(Duration::as_secs).collect()
    }

    pub(crate) fn pass(&self, duration: Duration) {
        self.waits.lock().unwrap().push(duration);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        self.start.unwrap() + self.waits.lock().unwrap().iter().sum::<Duration>()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.pass(duration);
        Box::pin(tokio::task::yield_now())
    }
}

/// The usual patience, but with a server that is on this machine.
pub(crate) fn patience() -> Patience {
    Patience { request: Duration::from_secs(5), ..Patience::default() }
}

/// A fetcher that is not slowed down by the pace of AMD's service.
pub(crate) fn fetcher(vendor: &Vendor, dir: Option<&Path>, clock: &Arc<TestClock>) -> Fetcher {
    patient_fetcher(vendor, dir, clock, Patience { pace: Duration::ZERO, ..patience() })
}

pub(crate) fn patient_fetcher(
    vendor: &Vendor,
    dir: Option<&Path>,
    clock: &Arc<TestClock>,
    patience: Patience,
) -> Fetcher {
    let proxy = Some(vendor.url().parse().unwrap());
    Fetcher::with(dir.map(Path::to_owned), proxy, roots(), patience, Arc::clone(clock) as Arc<dyn Clock>)
}
