//! What a program was told about where collateral comes from.

use std::{env, fs, io, path::PathBuf, sync::Arc};

use super::{Bundle, BundleError, Collaterals, Fetcher, Patience, Proxy, Refresher, Roots, SystemClock};

/// Where collateral comes from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sources {
    /// A bundle. Then the vendors are not asked, unless there is a proxy as well.
    pub bundle: Option<PathBuf>,
    /// A server that is asked instead of the vendors.
    pub proxy: Option<Proxy>,
    /// A directory for what was fetched; `None` keeps it in memory only.
    pub cache: Option<PathBuf>,
    /// How long to bear with a server that does not answer.
    pub patience: Patience,
}

/// A bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// Its file cannot be read.
    #[error("cannot read the collateral bundle {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Its file holds something else.
    #[error("cannot use {}: {source}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BundleError,
    },
}

impl Sources {
    /// Reads the bundle, if there is one. `None` in place of the refresher means that the program works offline;
    /// otherwise somebody has to run it. Items of the bundle that no vendor signed are logged and left out.
    ///
    /// # Errors
    /// If the bundle cannot be used.
    pub fn open(&self) -> Result<(Collaterals, Option<Refresher>), SourcesError> {
        let (collaterals, refresher) = match (&self.bundle, &self.proxy) {
            (Some(_), None) => (Collaterals::offline(), None),
            _ => {
                let (cache, proxy) = (self.cache.clone(), self.proxy.clone());
                let fetcher =
                    Fetcher::with(cache, proxy, Roots::published(), self.patience, Arc::new(SystemClock));
                let (collaterals, refresher) = Collaterals::online(fetcher);
                (collaterals, Some(refresher))
            }
        };
        if let Some(path) = &self.bundle {
            let read = |source| SourcesError::Read { path: path.clone(), source };
            let bytes = fs::read(path).map_err(read)?;
            let bundle = Bundle::parse(&bytes)
                .map_err(|source| SourcesError::Bundle { path: path.clone(), source })?;
            for rejected in collaterals.add(&bundle) {
                tracing::warn!(bundle = %path.display(), "{rejected}");
            }
        }
        Ok((collaterals, refresher))
    }

    /// Where a user's programs keep what they fetch: `kds` in `CONTRAST_CACHE_DIR`, or else in `contrast` in the
    /// cache directory of the XDG Base Directory Specification. `None` if the environment names neither.
    #[must_use]
    pub fn user_cache() -> Option<PathBuf> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("CONTRAST_CACHE_DIR")
            .or_else(|| set("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).map(|dir| dir.join("contrast")))
            .or_else(|| set("HOME").map(|home| home.join(".cache/contrast")));
        cache.map(|cache| cache.join("kds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        CollateralSource as _, Missing,
        snp::{Product, SigningKey},
    };

    #[test]
    fn a_bundle_alone_keeps_a_program_offline() {
        let dir = tempfile::tempdir().unwrap();
        let bundle = dir.path().join("bundle.json");
        fs::write(&bundle, Bundle::default().encode().unwrap()).unwrap();
        let offline = Sources { bundle: Some(bundle), ..Sources::default() };
        let (collaterals, refresher) = offline.open().unwrap();
        assert!(refresher.is_none());
        assert_eq!(collaterals.snp_crl(Product::Milan, SigningKey::Vcek), Err(Missing::NotConfigured));
        let both = Sources { proxy: Some("http://localhost".parse().unwrap()), ..offline };
        assert!(both.open().unwrap().1.is_some());
        assert!(Sources::default().open().unwrap().1.is_some());
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let sources = Sources { bundle: Some(dir.path().join("bundle.json")), ..Sources::default() };
        assert!(matches!(sources.open(), Err(SourcesError::Read { .. })));
        fs::write(dir.path().join("bundle.json"), "{}").unwrap();
        let error = sources.open().err().unwrap();
        assert!(error.to_string().contains("bundle.json"), "{error}");
    }
}
