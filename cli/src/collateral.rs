//! What AMD and Intel publish, for the appraisal of a Coordinator.

use std::{borrow::Cow, sync::Arc};

use contrast_attestation::{
    CollateralSource,
    collateral::{Collaterals, Patience, Refresher, Sources, SourcesError},
};
use contrast_manifest::Manifest;

use crate::{arguments::SourceOptions, failure::Advice, output::with_progress};

/// Collateral, and a way to get more of it.
#[derive(Clone)]
pub(crate) struct Collateral {
    collaterals: Collaterals,
    refresher: Option<Arc<Refresher>>,
}

/// The collateral that the user gave cannot be used.
#[derive(thiserror::Error, Debug)]
#[error(transparent)]
pub(crate) struct CollateralError(#[from] SourcesError);

impl Advice for CollateralError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some("make a bundle with `contrast collateral fetch`".into())
    }
}

impl Collateral {
    /// Reads the bundle and fetches what the manifest's hardware needs in any case. What cannot be fetched is no
    /// error here: evidence may bring it, and if not, the refusal says what is missing.
    pub(crate) async fn prepare(
        options: SourceOptions,
        manifest: &Manifest,
    ) -> Result<Self, CollateralError> {
        let this = Self::open(options)?;
        let needed = manifest.needed_collateral();
        if !needed.is_empty() {
            this.collaterals.keep_fresh(needed);
            with_progress("Fetching revocation lists", async |_| this.fetch_what_was_missing().await).await;
        }
        Ok(this)
    }

    /// Reads the bundle, if there is one. Everything else is fetched when it was asked for in vain.
    pub(crate) fn open(options: SourceOptions) -> Result<Self, CollateralError> {
        let SourceOptions { collateral, collateral_proxy } = options;
        let sources = Sources {
            bundle: collateral,
            proxy: collateral_proxy,
            cache: Sources::user_cache(),
            patience: Patience::brief(),
        };
        let (collaterals, refresher) = sources.open()?;
        Ok(Self { collaterals, refresher: refresher.map(Arc::new) })
    }

    /// For verifiers.
    pub(crate) fn source(&self) -> Arc<dyn CollateralSource> {
        Arc::new(self.collaterals.clone())
    }

    /// Fetches what verifiers asked for in vain. False if that was nothing new; if it fails, another appraisal
    /// says why.
    pub(crate) async fn fetch_what_was_missing(&self) -> bool {
        match &self.refresher {
            Some(refresher) => refresher.catch_up().await > 0,
            None => false,
        }
    }
}
