//! Is an answer what the vendor signed, and about what was asked?

use std::time::SystemTime;

use super::{Address, Item, Roots};
use crate::snp::{Product, SigningKey, TcbParts};

mod amd;
mod intel;

pub(super) use intel::SignedJson;

/// The time that an item covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Covers {
    pub(super) since: SystemTime,
    pub(super) until: SystemTime,
}

/// Why an item is not to be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ContentError {
    /// Not of the form that was asked for.
    #[error("it is not {0}")]
    Malformed(&'static str),
    /// Not signed by the vendor.
    #[error("it is not signed under the root key of {0}")]
    NotSigned(&'static str),
    /// Signed, but about another chip, firmware or platform.
    #[error("it is about something else than was asked for")]
    OffTopic,
    /// Its time is over.
    #[error("it is out of date")]
    OutOfDate,
    /// Its time has not begun.
    #[error("it is from the future: check this machine's clock")]
    FromTheFuture,
    /// There is a newer one already.
    #[error("it is older than what is already known")]
    Older,
}

/// Verifies signatures and topic. Judging the dates is left to the caller.
pub(super) fn check(item: &Item, roots: &Roots) -> Result<Covers, ContentError> {
    match &item.address {
        // Nothing in a list says which of the two it is.
        Address::AmdRevocationList { product, .. } => amd::revocation_list(&item.body, *product, roots),
        Address::AmdChipKey { product, chip_id, tcb } => {
            amd::chip_key(&item.body, *product, chip_id, *tcb, roots)
        }
        Address::IntelTcbInfo(_)
        | Address::IntelQeIdentity
        | Address::IntelPckRevocationList(_)
        | Address::IntelRootRevocationList => intel::check(item, roots),
    }
}

/// [`check`], and the dates.
pub(super) fn check_at(item: &Item, roots: &Roots, now: SystemTime) -> Result<Covers, ContentError> {
    let covers = check(item, roots)?;
    if now < covers.since {
        return Err(ContentError::FromTheFuture);
    }
    if now > covers.until {
        return Err(ContentError::OutOfDate);
    }
    Ok(covers)
}
