//! TDX evidence as far as no reference values are needed: read once, and each question about its endorsement answered
//! once.

use std::{cell::OnceCell, rc::Rc, sync::Arc};

use super::{
    Collateral, CollateralFault, Document, DocumentError, TrustRoot, document,
    pck::{self, PckChain, PckChainError},
    platform::{self, Platform, PlatformError},
};
use crate::{
    Finding,
    examination::{Answers, Same},
};

/// Evidence that was read, and what was found out about it so far.
pub(crate) struct Examined {
    pub(super) document: Document,
    signed: OnceCell<bool>,
    chains: Answers<TrustRoot, Chain>,
    platforms: Answers<(TrustRoot, Same<Collateral>), Endorsed>,
}

type Chain = Result<Arc<PckChain>, Rc<PckChainError>>;
type Endorsed = Result<Arc<Platform>, Rc<Unendorsed>>;

/// Why the platform that made the quote is not known.
pub(super) enum Unendorsed {
    Collateral(CollateralFault),
    Platform(PlatformError),
}

impl Examined {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        let document = document::parse(bytes)?;
        Ok(Self { document, signed: OnceCell::new(), chains: Answers::new(), platforms: Answers::new() })
    }

    /// Did the attestation key in the quote sign the quote?
    pub(super) fn is_signed(&self) -> bool {
        *self.signed.get_or_init(|| platform::is_signed(&self.document.quote))
    }

    /// Verifies the certificates in the quote.
    pub(super) fn chain(&self, root: &TrustRoot) -> Chain {
        let verify = || pck::verify(&self.document.quote.pck_chain, root).map_err(Rc::new);
        self.chains.get(root.clone(), verify)
    }

    /// Verifies the collateral, and finds the status of the platform by it.
    pub(super) fn platform(
        &self,
        chain: &PckChain,
        collateral: &Arc<Collateral>,
        root: &TrustRoot,
    ) -> Endorsed {
        self.platforms.get((root.clone(), Same(Arc::clone(collateral))), || {
            collateral.verify(root).map_err(|fault| Rc::new(Unendorsed::Collateral(fault)))?;
            platform::appraise(&self.document.quote, chain, collateral, root)
                .map_err(|error| Rc::new(Unendorsed::Platform(error)))
        })
    }
}

impl Unendorsed {
    pub(super) fn finding(&self) -> Finding {
        match self {
            Self::Collateral(fault) => fault.finding(),
            Self::Platform(error) => error.finding(),
        }
    }
}
