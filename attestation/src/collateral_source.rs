//! Where an appraisal takes what vendors publish about their hardware.

use std::sync::Arc;

use crate::{
    snp::{Product, SigningKey, TcbParts},
    tdx::{Collateral, PckCa},
};

/// Hands out revocation lists and TCB data that are already here.
///
/// Appraisals ask on the thread of a handshake, so an answer may never wait for the network: what is not here is
/// missing, and may be fetched for next time.
pub trait CollateralSource: Send + Sync {
    /// The revocation list of the AMD root key of a product line for chains of this kind of endorsement key, in
    /// DER. Whoever takes it checks its signature and dates, but has to believe that it is for this kind: both
    /// lists are signed by the same key, and nothing in them tells them apart.
    ///
    /// # Errors
    /// See [`Missing`].
    fn snp_crl(&self, product: Product, kind: SigningKey) -> Result<Arc<[u8]>, Missing>;

    /// The certificate of a chip's VCEK for a TCB version, in DER, for evidence that comes without one. Whoever
    /// takes it checks its chain.
    ///
    /// # Errors
    /// See [`Missing`].
    fn snp_vcek(&self, product: Product, chip_id: &[u8; 64], tcb: TcbParts) -> Result<Arc<[u8]>, Missing>;

    /// Intel's collateral for platforms with this FMSPC, whose PCK certificates are issued by `ca`. Whoever
    /// takes it checks its signatures and dates.
    ///
    /// # Errors
    /// See [`Missing`].
    fn tdx_collateral(&self, fmspc: [u8; 6], ca: PckCa) -> Result<Arc<Collateral>, Missing>;
}

/// Why there is no collateral at this moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Missing {
    /// The program was started without a source.
    #[error("no collateral: none was configured")]
    NotConfigured,
    /// The collateral that was configured is about other platforms.
    #[error("no collateral: what was configured says nothing about this platform")]
    NotCovered,
    /// It was not needed before and is being fetched now.
    #[error("no collateral yet: it is being fetched, try again in a few seconds")]
    BeingFetched,
    /// It could not be fetched.
    #[error("no collateral: {reason}")]
    NotFetched {
        /// What went wrong, as one clause.
        reason: String,
    },
}

/// A source that has nothing: evidence that needs collateral is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NoCollateral;

impl CollateralSource for NoCollateral {
    fn snp_crl(&self, _: Product, _: SigningKey) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn snp_vcek(&self, _: Product, _: &[u8; 64], _: TcbParts) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
        Err(Missing::NotConfigured)
    }
}
