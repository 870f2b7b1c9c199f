//! What AMD signs.

use super::{ContentError, Covers, Product, Roots, SigningKey, TcbParts};
use crate::snp::{Endorsements, certificate::Certificate, chain, crl};

pub(super) fn revocation_list(der: &[u8], product: Product, roots: &Roots) -> Result<Covers, ContentError> {
    const LIST: ContentError = ContentError::Malformed("a revocation list that says until when it is valid");
    let list = crl::parse(der).map_err(|_| LIST)?;
    let (ark, _) = roots.amd(product);
    let root = Certificate::parse(ark).map_err(|_| ContentError::NotSigned("AMD"))?;
    list.verify(&root).map_err(|_| ContentError::NotSigned("AMD"))?;
    Ok(Covers { since: list.this_update(), until: list.next_update().ok_or(LIST)? })
}

pub(super) fn chip_key(
    der: &[u8],
    product: Product,
    chip_id: &[u8; 64],
    tcb: TcbParts,
    roots: &Roots,
) -> Result<Covers, ContentError> {
    Certificate::parse(der).map_err(|_| ContentError::Malformed("a certificate"))?;
    let (ark, ask) = roots.amd(product);
    let endorsements =
        Endorsements { vcek: der.to_vec(), ask: ask.to_vec(), ark: ark.to_vec(), ..Endorsements::default() };
    let chain = chain::verify(&endorsements, SigningKey::Vcek, product, roots.amd_anchor())
        .map_err(|_| ContentError::NotSigned("AMD"))?;
    let hardware_id = chain.endorsement.hardware_id.as_deref().unwrap_or_default();
    if hardware_id.is_empty() || !chip_id.starts_with(hardware_id) || chain.endorsement.tcb != tcb {
        return Err(ContentError::OffTopic);
    }
    let [_, _, (_, since, until)] = chain.validity;
    Ok(Covers { since, until })
}
