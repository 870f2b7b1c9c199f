//! Is a chain shown not to be revoked?

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use super::{
    SigningKey,
    chain::{Place, VerifiedChain},
    crl::{self, CrlError},
    memo::Memo,
};
use crate::Missing;

/// Whether a chain must be shown not to be revoked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Revocation {
    /// No list is looked at, not even one that the attester sent.
    NotChecked,
    /// A list that the attester sent must be in order, and must not name a certificate of the chain.
    IfSent,
    /// A list that is valid now must be at hand or in the evidence, and no list may name a certificate of the
    /// chain. The attester chooses among all lists of the root that are still valid; one at hand limits that
    /// choice. For the chain of a VLEK, only one at hand will do.
    Required,
}

/// Why a chain is not shown to be unrevoked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum RevocationError {
    #[error("{}, and {missing}", none_but_at_hand(*.kind))]
    Missing { kind: SigningKey, missing: Missing },
    #[error(transparent)]
    List(CrlError),
    #[error("a list from the future")]
    NotYetValid,
    #[error("a list that is out of date, or does not say until when it is valid")]
    Expired,
    #[error("a list that names the {0} certificate")]
    Revoked(Place),
}

/// A list that the root signed.
struct VerifiedList {
    this_update: SystemTime,
    next_update: Option<SystemTime>,
    /// Serial numbers without leading zeros.
    revoked: HashSet<Vec<u8>>,
}

/// Verified lists by their hash and that of the root's key.
static VERIFIED: LazyLock<Memo<Arc<VerifiedList>>> = LazyLock::new(|| Memo::new(64));

/// [`check`] with the list that is at hand for chains of this kind, if it is, and the one that was sent. There must be
/// a list.
pub(crate) fn require(
    at_hand: &Result<Arc<[u8]>, Missing>,
    sent: Option<&[u8]>,
    chain: &VerifiedChain,
    now: SystemTime,
) -> Result<(), RevocationError> {
    let own = at_hand.as_deref().ok();
    let kind = chain.endorsement.kind;
    let shown = match kind {
        SigningKey::Vcek => check(own.into_iter().chain(sent), chain, now)?,
        // The root signs a list for VCEKs too, which says nothing about an ASVK, and what was sent may be that one.
        // What it names is revoked all the same.
        SigningKey::Vlek => match check(sent, chain, now) {
            Err(revoked @ RevocationError::Revoked(_)) => return Err(revoked),
            _ => check(own, chain, now)?,
        },
    };
    match at_hand {
        Err(missing) if !shown => Err(RevocationError::Missing { kind, missing: missing.clone() }),
        _ => Ok(()),
    }
}

/// Makes sure that one of `lists` covers `now`, and that none of them names anything in `chain`. The first list
/// counts most: it says why, if no list covers `now`. `Ok(false)` if there is no list.
pub(crate) fn check<'a>(
    lists: impl IntoIterator<Item = &'a [u8]>,
    chain: &VerifiedChain,
    now: SystemTime,
) -> Result<bool, RevocationError> {
    let (mut shown, mut objection) = (false, None);
    for list in lists {
        match check_one(list, chain, now) {
            Ok(()) => shown = true,
            // However old the list: what is revoked stays so.
            Err(revoked @ RevocationError::Revoked(_)) => return Err(revoked),
            Err(error) => {
                objection.get_or_insert(error);
            }
        }
    }
    match objection {
        Some(error) if !shown => Err(error),
        _ => Ok(shown),
    }
}

fn check_one(list: &[u8], chain: &VerifiedChain, now: SystemTime) -> Result<(), RevocationError> {
    let key = Sha256::new().chain_update(chain.root_digest).chain_update(list).finalize().into();
    let list =
        VERIFIED.get_or_try(key, || verify(list, chain).map(Arc::new)).map_err(RevocationError::List)?;
    if let Some((place, _)) = chain.serials.iter().find(|(_, serial)| list.revoked.contains(serial)) {
        return Err(RevocationError::Revoked(*place));
    }
    if now < list.this_update {
        return Err(RevocationError::NotYetValid);
    }
    if list.next_update.is_none_or(|next_update| now > next_update) {
        return Err(RevocationError::Expired);
    }
    Ok(())
}

fn verify(der: &[u8], chain: &VerifiedChain) -> Result<VerifiedList, CrlError> {
    let list = crl::parse(der)?;
    list.verify(&chain.root)?;
    Ok(VerifiedList {
        this_update: list.this_update(),
        next_update: list.next_update(),
        revoked: list.serials().into_iter().collect(),
    })
}

/// Why it comes down to the list at hand.
fn none_but_at_hand(kind: SigningKey) -> &'static str {
    match kind {
        SigningKey::Vcek => "none in the evidence",
        SigningKey::Vlek => "none that is known to be for VLEKs",
    }
}
