//! Fetches in the background what verifiers will need.

use std::{convert::Infallible, time::Duration};

use super::{Collaterals, Fetched, Fetcher, Origin, address::Keep, schedule::Lane};

/// Nothing is waited for longer than this, whatever the clock does meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(5 * 60);

/// Fetches what [`Collaterals`] need. Does nothing until it is run.
pub struct Refresher {
    fetcher: Fetcher,
    collaterals: Collaterals,
}

impl Refresher {
    pub(super) fn new(fetcher: Fetcher, collaterals: Collaterals) -> Self {
        Self { fetcher, collaterals }
    }

    /// Fetches whatever is due, for ever. Needs a tokio runtime; stop it by dropping it.
    pub async fn run(self) -> Infallible {
        // One lane per vendor: AMD's service is slow by rule, and Intel's has no part in that.
        let (never, _) = tokio::join!(self.run_lane(Lane::Amd), self.run_lane(Lane::Intel));
        never
    }

    /// Fetches whatever is due now, and returns how many items that were, fetched or not.
    pub async fn catch_up(&self) -> usize {
        let (amd, intel) = tokio::join!(self.catch_up_lane(Lane::Amd), self.catch_up_lane(Lane::Intel));
        amd + intel
    }

    async fn run_lane(&self, lane: Lane) -> Infallible {
        let clock = self.fetcher.clock();
        let mut wake = self.collaterals.wake();
        loop {
            self.catch_up_lane(lane).await;
            let due = self.collaterals.schedule().next_due(lane);
            let wait = due.map_or(LONGEST_SLEEP, |due| due.duration_since(clock.now()).unwrap_or_default());
            tokio::select! {
                () = clock.sleep(wait.min(LONGEST_SLEEP)) => {}
                // The sender lives as long as `self.collaterals`.
                _ = wake.changed() => {}
            }
        }
    }

    async fn catch_up_lane(&self, lane: Lane) -> usize {
        let clock = self.fetcher.clock();
        let mut tried = 0;
        loop {
            let next = self.collaterals.schedule().next(lane, clock.now());
            let Some(address) = next else { return tried };
            tried += 1;
            let fetched = match address.keep() {
                Keep::Fallback => self.fetcher.fetch(&address).await,
                // The key of a chip that may be made up.
                Keep::Forever => self.fetcher.fetch_briefly(&address).await,
            };
            let failure = match fetched {
                Ok(Fetched { item, origin }) => {
                    if let Err(error) = self.collaterals.put(item) {
                        tracing::warn!(%address, %error, "collateral that was fetched is not used");
                    }
                    match origin {
                        Origin::Network | Origin::Cache => None,
                        Origin::CacheInstead(error) => {
                            tracing::warn!(%address, %error, "cannot renew collateral, using what was kept");
                            Some(error)
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%address, %error, "cannot fetch collateral");
                    Some(error)
                }
            };
            self.collaterals.schedule().done(&address, failure, clock.now());
        }
    }
}
