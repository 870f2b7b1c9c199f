//! The keys under which collateral must be signed to be kept.

use sha2::{Digest, Sha256};

use crate::{
    snp::{Product, TrustAnchor, roots},
    tdx::TrustRoot,
};

/// Root keys. Not what appraisals rely on, they have their own: this only keeps rubbish out of the cache.
#[derive(Clone)]
pub struct Roots {
    amd: Option<Given>,
    intel: TrustRoot,
}

#[derive(Clone)]
struct Given {
    ark: Vec<u8>,
    ask: Vec<u8>,
}

impl Roots {
    /// The ones that AMD and Intel published.
    #[must_use]
    pub fn published() -> Self {
        Self { amd: None, intel: TrustRoot::Intel }
    }

    /// Another root and signing key, in DER, in place of AMD's: those of a simulated hierarchy.
    #[must_use]
    pub fn with_amd(self, ark: Vec<u8>, ask: Vec<u8>) -> Self {
        Self { amd: Some(Given { ark, ask }), ..self }
    }

    /// Another root in place of Intel's.
    #[must_use]
    pub fn with_intel(self, intel: TrustRoot) -> Self {
        Self { intel, ..self }
    }

    /// Certificates of root and signing key, in DER.
    pub(super) fn amd(&self, product: Product) -> (&[u8], &[u8]) {
        match &self.amd {
            Some(Given { ark, ask }) => (ark, ask),
            None => {
                let published = roots::amd(product);
                (published.ark, published.ask)
            }
        }
    }

    pub(super) fn amd_anchor(&self) -> TrustAnchor {
        match &self.amd {
            Some(Given { ark, .. }) => TrustAnchor::Simulated { root_digest: Sha256::digest(ark).into() },
            None => TrustAnchor::Amd,
        }
    }

    pub(super) fn intel(&self) -> &TrustRoot {
        &self.intel
    }
}
