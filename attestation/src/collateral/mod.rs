//! Collateral: what vendors publish so that evidence can be appraised.
//!
//! AMD's key distribution service (KDS) has endorsement key certificates and revocation lists; Intel's
//! provisioning certification service (PCS) has TCB information, the identity of the quoting enclave, and
//! revocation lists. All of it is signed under a root that this program pins. So neither the network, nor a
//! proxy, nor the cache is trusted: the worst that they can do is to withhold, and that leads to a refusal
//! that says so. One thing only their honesty settles: which of AMD's two revocation lists of a product line is which.
//!
//! A [`Fetcher`] gets one item at an [`Address`]. [`Collaterals`] keeps items at hand for verifiers, which never
//! wait for a network; its [`Refresher`] fetches in the background. A [`Bundle`] carries items to machines
//! without one.

mod address;
mod bundle;
mod cache;
mod clock;
mod collaterals;
mod content;
mod error;
mod fetcher;
mod flights;
mod http;
mod item;
mod pace;
mod proxy;
mod refresher;
mod retry;
mod roots;
mod schedule;
mod sources;

pub use address::{Address, UnknownAddress};
pub use bundle::{Bundle, BundleError};
pub use clock::{Clock, SystemClock};
pub use collaterals::{Collaterals, RejectedItem};
pub use content::ContentError;
pub use error::FetchError;
pub use fetcher::{Fetched, Fetcher, Origin};
pub use item::{Item, ItemError};
pub use proxy::{Proxy, ProxyError};
pub use refresher::Refresher;
pub use retry::Patience;
pub use roots::Roots;
pub use sources::{Sources, SourcesError};
