//! The certificate revocation list of an AMD root key.
//!
//! RFC 5280, section 5; AMD document 57230, section "VCEK CRL". The ARK signs one list for all keys of its
//! product line.

use std::{
    sync::{Arc, LazyLock},
    time::SystemTime,
};

use sha2::{Digest, Sha256};
use x509_cert::{
    crl::CertificateList,
    der::{Decode, asn1::ObjectIdentifier},
};

use super::{
    certificate::{RSASSA_PSS, signed_part, without_zeros},
    chain::{Place, VerifiedChain},
    memo::Memo,
};

/// Whether a chain must be shown not to be revoked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Revocation {
    /// No list is looked at, not even one that the attester sent.
    NotChecked,
    /// A list that is valid now must exist, and must not name a certificate of the chain.
    Required {
        /// A list from a source of our own, in DER. Without one, that of the attester is taken: it is signed
        /// and dated like any other, but the attester chooses among all lists that are still valid.
        list: Option<Arc<[u8]>>,
    },
}

/// Why a chain is not shown to be unrevoked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum RevocationError {
    #[error("no revocation list, neither configured nor in the evidence")]
    Missing,
    #[error("bytes that are not a DER X.509 revocation list")]
    NotDer,
    #[error("a list of another issuer")]
    Issuer,
    #[error("a list whose signature by the ARK does not verify")]
    Signature,
    #[error("a list with a critical extension that is not known")]
    UnknownCriticalExtension,
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
    revoked: Vec<Vec<u8>>,
}

/// Verified lists by their hash and that of the root's key.
static VERIFIED: LazyLock<Memo<Arc<VerifiedList>>> = LazyLock::new(|| Memo::new(64));

/// Makes sure that `list` covers `now` and names nothing in `chain`.
pub(crate) fn check(list: &[u8], chain: &VerifiedChain, now: SystemTime) -> Result<(), RevocationError> {
    if list.is_empty() {
        return Err(RevocationError::Missing);
    }
    let key = Sha256::new().chain_update(chain.root_digest).chain_update(list).finalize().into();
    let list = VERIFIED.get_or_try(key, || verify(list, chain).map(Arc::new))?;
    if now < list.this_update {
        return Err(RevocationError::NotYetValid);
    }
    if list.next_update.is_none_or(|next_update| now > next_update) {
        return Err(RevocationError::Expired);
    }
    let revoked = chain.serials.iter().find(|(_, serial)| list.revoked.contains(serial));
    revoked.map_or(Ok(()), |(place, _)| Err(RevocationError::Revoked(*place)))
}

fn verify(der: &[u8], chain: &VerifiedChain) -> Result<VerifiedList, RevocationError> {
    let list: CertificateList = CertificateList::from_der(der).map_err(|_| RevocationError::NotDer)?;
    let signed = signed_part(der).ok_or(RevocationError::NotDer)?;
    let body = &list.tbs_cert_list;
    if body.issuer != *chain.root.subject() {
        return Err(RevocationError::Issuer);
    }
    let signature = list.signature.as_bytes().ok_or(RevocationError::NotDer)?;
    let algorithm = &list.signature_algorithm;
    if algorithm.oid != RSASSA_PSS || *algorithm != body.signature || !chain.root.verifies(signed, signature)
    {
        return Err(RevocationError::Signature);
    }
    let entries = || body.revoked_certificates.iter().flatten();
    // An entry extension can say that the entry is about another issuer's certificate.
    let mut extensions = body
        .crl_extensions
        .iter()
        .chain(entries().filter_map(|entry| entry.crl_entry_extensions.as_ref()))
        .flatten();
    const NONE_IS_KNOWN: &[ObjectIdentifier] = &[];
    if extensions.any(|extension| extension.critical && !NONE_IS_KNOWN.contains(&extension.extn_id)) {
        return Err(RevocationError::UnknownCriticalExtension);
    }
    Ok(VerifiedList {
        this_update: body.this_update.to_system_time(),
        next_update: body.next_update.map(|time| time.to_system_time()),
        revoked: entries().map(|entry| without_zeros(entry.serial_number.as_bytes()).to_vec()).collect(),
    })
}
