//! SNP evidence as far as no reference values are needed: read once, and each question about its endorsement answered
//! once.

use std::{rc::Rc, sync::Arc, time::SystemTime};

use super::{
    Document, DocumentError, Endorsements, Product, Revocation, SignerInfo, SigningKey, TrustAnchor,
    chain::{self, ChainError, VerifiedChain},
    document,
    revocation::{self, RevocationError},
    signature::{self, SignatureError},
    signer_info::SignerInfoError,
};
use crate::{
    Missing,
    examination::{Answers, Same},
};

/// Evidence that was read, and what was found out about it so far.
pub(crate) struct Examined {
    pub(super) document: Document,
    /// Which kind of key signed the report.
    pub(super) signer: Result<SigningKey, SignerInfoError>,
    endorsed: Answers<Endorser, Result<Rc<Endorsed>, Rc<ChainError>>>,
    unrevoked: Answers<(Endorser, Revocation, List), Unrevoked>,
}

/// What an endorsement depends on, besides the evidence.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Endorser {
    pub(super) product: Product,
    pub(super) anchor: TrustAnchor,
    /// The certificate that stands in for one that was not sent.
    pub(super) vcek: Option<Same<[u8]>>,
}

/// A revocation list at hand, or why there is none.
type List = Result<Same<[u8]>, Missing>;

type Unrevoked = Result<(), Rc<RevocationError>>;

/// A chain that holds, and whether its key signed the report.
pub(super) struct Endorsed {
    pub(super) chain: Arc<VerifiedChain>,
    pub(super) signature: Result<(), SignatureError>,
}

impl Examined {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        let document = document::parse(bytes)?;
        let signer = SignerInfo::from_bits(document.report.signer_info).map(|info| info.signing_key);
        Ok(Self { document, signer, endorsed: Answers::new(), unrevoked: Answers::new() })
    }

    /// Verifies the chain and the report's signature.
    pub(super) fn endorsed(&self, signer: SigningKey, by: &Endorser) -> Result<Rc<Endorsed>, Rc<ChainError>> {
        let Document { report, endorsements, .. } = &self.document;
        self.endorsed.get(by.clone(), || {
            let verify = |sent: &Endorsements| chain::verify(sent, signer, by.product, by.anchor);
            let chain = match &by.vcek {
                None => verify(endorsements),
                Some(vcek) => verify(&Endorsements { vcek: vcek.0.to_vec(), ..endorsements.clone() }),
            }?;
            let signature = signature::verify(report, &chain.endorsement.public_key);
            Ok(Rc::new(Endorsed { chain, signature }))
        })
    }

    /// Looks for the certificates of `chain`, which `by` endorsed, in the lists that there are.
    pub(super) fn unrevoked(
        &self,
        by: &Endorser,
        chain: &VerifiedChain,
        required: Revocation,
        at_hand: impl FnOnce() -> Result<Arc<[u8]>, Missing>,
        now: SystemTime,
    ) -> Unrevoked {
        let list = self.document.endorsements.revocation_list.as_slice();
        let sent = Some(list).filter(|list| !list.is_empty());
        let at_hand = match required {
            Revocation::Required => at_hand(),
            Revocation::IfSent | Revocation::NotChecked => Err(Missing::NotConfigured),
        };
        let question = (by.clone(), required, at_hand.clone().map(Same));
        self.unrevoked.get(question, || {
            let outcome = match required {
                Revocation::NotChecked => Ok(()),
                Revocation::IfSent => revocation::check(sent, chain, now).map(|_| ()),
                Revocation::Required => revocation::require(&at_hand, sent, chain, now),
            };
            outcome.map_err(Rc::new)
        })
    }
}
