//! Gets items from the vendors, or from what is kept.

use std::{path::PathBuf, sync::Arc};

use super::{
    Address, Clock, ContentError, FetchError, Item, Patience, Proxy, Roots, SystemClock,
    address::Keep,
    cache::Cache,
    content,
    flights::Flights,
    http::{Answer, Client},
    item::MAX_ISSUER_CHAIN,
    pace::{Pace, QuietTimes},
};

/// Fetches items and keeps them. Cheap to clone; clones share everything.
///
/// Any number of requests for the same item lead to one request to the vendor. One fetcher asks AMD's service at
/// most once in ten seconds, and every service only when its `Retry-After` is over. Failed requests are repeated with
/// growing delays, for two minutes in total.
#[derive(Clone)]
pub struct Fetcher(Arc<Parts>);

struct Parts {
    client: Client,
    cache: Cache,
    flights: Flights,
    pace: Pace,
    quiet: QuietTimes,
    proxy: Option<Proxy>,
    roots: Roots,
    patience: Patience,
    clock: Arc<dyn Clock>,
}

/// An item, verified and valid at the time of fetching.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The item.
    pub item: Arc<Item>,
    /// Where it came from.
    pub origin: Origin,
}

/// Where an item came from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// From the vendor, or the proxy.
    Network,
    /// It was kept, and never changes.
    Cache,
    /// It was kept, and a newer one could not be had.
    CacheInstead(FetchError),
}

impl Fetcher {
    /// A fetcher that keeps items in `cache`, a directory that is made when needed, and asks `proxy` instead of
    /// the vendors, if there is one.
    #[must_use]
    pub fn new(cache: Option<PathBuf>, proxy: Option<Proxy>) -> Self {
        Self::with(cache, proxy, Roots::published(), Patience::default(), Arc::new(SystemClock))
    }

    /// [`Fetcher::new`] with other roots, another patience, and another clock.
    #[must_use]
    pub fn with(
        cache: Option<PathBuf>,
        proxy: Option<Proxy>,
        roots: Roots,
        patience: Patience,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Parts {
            client: Client::default(),
            cache: Cache::new(cache),
            flights: Flights::default(),
            pace: Pace::new(patience.pace),
            quiet: QuietTimes::default(),
            proxy,
            roots,
            patience,
            clock,
        }))
    }

    /// Gets an item. Must be called inside a tokio runtime.
    ///
    /// What never changes is taken from what is kept. Everything else is asked for, and what is kept is used only
    /// if no answer comes, as long as it is valid.
    ///
    /// # Errors
    /// If there is no answer, or none that the vendor signed, and nothing valid is kept; see [`FetchError`].
    pub async fn fetch(&self, address: &Address) -> Result<Fetched, FetchError> {
        self.fetch_with(self.0.patience, address).await
    }

    /// [`Fetcher::fetch`] with less patience, for what unverified evidence asked for: others are waiting behind it.
    pub(super) async fn fetch_briefly(&self, address: &Address) -> Result<Fetched, FetchError> {
        self.fetch_with(self.0.patience.shortened(), address).await
    }

    async fn fetch_with(&self, patience: Patience, address: &Address) -> Result<Fetched, FetchError> {
        let (parts, wanted) = (Arc::clone(&self.0), address.clone());
        self.0.flights.join(address, || async move { parts.fetch(&wanted, patience).await }).await
    }

    pub(super) fn roots(&self) -> &Roots {
        &self.0.roots
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }
}

impl Parts {
    async fn fetch(&self, address: &Address, patience: Patience) -> Result<Fetched, FetchError> {
        let kept = self.kept(address).await;
        if let (Keep::Forever, Some(item)) = (address.keep(), &kept) {
            return Ok(Fetched { item: Arc::clone(item), origin: Origin::Cache });
        }
        match (self.ask(address, kept.as_deref(), patience).await, kept) {
            (Ok(item), _) => {
                let item = Arc::new(item);
                self.cache.put(Arc::clone(&item)).await;
                Ok(Fetched { item, origin: Origin::Network })
            }
            (Err(error), Some(item)) => Ok(Fetched { item, origin: Origin::CacheInstead(error) }),
            (Err(error), None) => Err(error),
        }
    }

    /// What is kept, if it is valid now. A file can have been changed by anybody, so it is verified each time.
    async fn kept(&self, address: &Address) -> Option<Arc<Item>> {
        let item = self.cache.get(address).await?;
        match content::check_at(&item, &self.roots, self.clock.now()) {
            Ok(_) => {
                self.cache.remember(Arc::clone(&item));
                Some(item)
            }
            Err(error) => {
                tracing::warn!(%address, %error, "ignoring kept collateral");
                None
            }
        }
    }

    /// Asks until there is an answer, or patience ends.
    async fn ask(
        &self,
        address: &Address,
        kept: Option<&Item>,
        patience: Patience,
    ) -> Result<Item, FetchError> {
        let mut failures = 0;
        let mut started = None;
        loop {
            if address.is_paced() {
                self.pace.turn(&*self.clock).await;
            }
            // Waiting for one's first turn is not the service's fault.
            let started = *started.get_or_insert_with(|| self.clock.now());
            let error = match self.quiet.remaining(address.origin(), self.clock.now()) {
                Some(remaining) => FetchError::AskedToWait { service: address.origin(), remaining },
                None => match self.ask_once(address, kept, patience).await {
                    Ok(item) => return Ok(item),
                    Err(error) => error,
                },
            };
            if let FetchError::Status { retry_after: Some(rest), .. } = error {
                self.quiet.set(address.origin(), rest, self.clock.now());
            }
            failures += 1;
            let delay = match error.is_passing() {
                true => patience.delay(failures, error.retry_after(), started, self.clock.now()),
                false => None,
            };
            let Some(delay) = delay else { return Err(error) };
            tracing::debug!(%address, %error, ?delay, "asking again");
            self.clock.sleep(delay).await;
        }
    }

    async fn ask_once(
        &self,
        address: &Address,
        kept: Option<&Item>,
        patience: Patience,
    ) -> Result<Item, FetchError> {
        let url = self.proxy.as_ref().map_or_else(|| address.url(), |proxy| proxy.url(&address.path()));
        let now = self.clock.now();
        let answer = self.client.get(&url, address.max_length(), patience.request, now).await?;
        let item = Item {
            address: address.clone(),
            fetched: now,
            issuer_chain: issuer_chain(address, &answer)?,
            body: answer.body,
        };
        let covers = content::check_at(&item, &self.roots, now)?;
        // Somebody between the vendor and us could answer with an old list that lacks the newest entry.
        let known = kept.and_then(|kept| content::check(kept, &self.roots).ok());
        if known.is_some_and(|known| covers.since < known.since) {
            return Err(ContentError::Older.into());
        }
        Ok(item)
    }
}

/// The certificates in the header that belongs to the address.
fn issuer_chain(address: &Address, answer: &Answer) -> Result<Option<String>, ContentError> {
    let Some(name) = address.issuer_chain_header() else { return Ok(None) };
    const CHAIN: ContentError = ContentError::Malformed("an answer with the certificates of its issuer");
    // Versions of the service differ in the first part of the name.
    let value =
        answer.headers.get(name).or_else(|| answer.headers.get(format!("SGX-{name}"))).ok_or(CHAIN)?;
    let chain =
        contrast_http::percent_decoded(value.as_bytes()).and_then(|chain| String::from_utf8(chain).ok());
    let chain = chain.ok_or(CHAIN)?;
    if chain.len() > MAX_ISSUER_CHAIN { Err(CHAIN) } else { Ok(Some(chain)) }
}
