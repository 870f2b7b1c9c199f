//! The certificate revocation list of an AMD root key.
//!
//! RFC 5280, section 5; AMD document 57230, section "VCEK CRL". The ARK signs two lists: one for the chains of
//! VCEKs, at the distribution point that ASK and ARK name, and one for those of VLEKs, at that of the ASVK.

use std::time::SystemTime;

use x509_cert::{crl::CertificateList, der::Decode};

use super::certificate::{Certificate, RSASSA_PSS};
use crate::x509::{signed_part, without_zeros};

/// Longest list that is read, in bytes: as much as is fetched of one. AMD's have some hundred.
const MAX_LENGTH: usize = 2 << 20;

/// A list whose form is right. Nothing is verified yet.
#[derive(Debug)]
pub struct RevocationList {
    /// The bytes that the issuer signed, as they were sent.
    signed: Vec<u8>,
    parsed: CertificateList,
}

/// Why bytes are not the list of a root key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CrlError {
    /// Longer than any.
    #[error("a list of more than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not one list in DER, without anything after it.
    #[error("bytes that are not a DER X.509 revocation list")]
    NotDer,
    /// Its issuer is not the subject of the root certificate.
    #[error("a list of another issuer")]
    Issuer,
    /// The root key did not sign it with RSASSA-PSS and SHA-384.
    #[error("a list whose signature by the ARK does not verify")]
    Signature,
    /// It may mean something else than it seems to.
    #[error("a list with a critical extension that is not known")]
    UnknownCriticalExtension,
}

/// Reads a list.
///
/// # Errors
/// If the bytes are not one list in DER, or if it has critical extensions: none is known. An extension of an entry
/// could say that the entry is about a certificate of another issuer.
pub fn parse(der: &[u8]) -> Result<RevocationList, CrlError> {
    if der.len() > MAX_LENGTH {
        return Err(CrlError::TooLong);
    }
    let parsed = CertificateList::from_der(der).map_err(|_| CrlError::NotDer)?;
    let signed = signed_part(der).ok_or(CrlError::NotDer)?.to_vec();
    let body = &parsed.tbs_cert_list;
    let entries = body.revoked_certificates.iter().flatten();
    let of_entries = entries.filter_map(|entry| entry.crl_entry_extensions.as_ref());
    let mut extensions = body.crl_extensions.iter().chain(of_entries).flatten();
    if extensions.any(|extension| extension.critical) {
        return Err(CrlError::UnknownCriticalExtension);
    }
    Ok(RevocationList { signed, parsed })
}

impl RevocationList {
    /// When it was made.
    #[must_use]
    pub fn this_update(&self) -> SystemTime {
        self.parsed.tbs_cert_list.this_update.to_system_time()
    }

    /// When the next one is due, at the latest.
    #[must_use]
    pub fn next_update(&self) -> Option<SystemTime> {
        self.parsed.tbs_cert_list.next_update.map(|time| time.to_system_time())
    }

    /// The serial numbers that it names, without leading zeros.
    #[must_use]
    pub fn serials(&self) -> Vec<Vec<u8>> {
        let entries = self.parsed.tbs_cert_list.revoked_certificates.iter().flatten();
        entries.map(|entry| without_zeros(entry.serial_number.as_bytes()).to_vec()).collect()
    }

    /// Did the key of `root` issue it?
    pub(crate) fn verify(&self, root: &Certificate) -> Result<(), CrlError> {
        let body = &self.parsed.tbs_cert_list;
        if body.issuer != *root.subject() {
            return Err(CrlError::Issuer);
        }
        let algorithm = &self.parsed.signature_algorithm;
        let signature = self.parsed.signature.as_bytes().ok_or(CrlError::NotDer)?;
        let right_algorithm = algorithm.oid == RSASSA_PSS && *algorithm == body.signature;
        match right_algorithm && root.verifies(&self.signed, signature) {
            true => Ok(()),
            false => Err(CrlError::Signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;
    use crate::{simulated::Hierarchy, snp::Product};

    #[test]
    fn a_list_says_what_was_put_into_it() {
        let hierarchy = Hierarchy::generate(Product::Milan).unwrap();
        let (since, until) =
            (UNIX_EPOCH + Duration::from_secs(1 << 30), UNIX_EPOCH + Duration::from_secs(1 << 31));
        let list = parse(&hierarchy.revocation_list(&[5, 0xFF00], since, until).unwrap()).unwrap();
        assert_eq!((list.this_update(), list.next_update()), (since, Some(until)));
        assert_eq!(list.serials(), [vec![5], vec![0xFF, 0]]);
        assert_eq!(list.verify(&Certificate::parse(hierarchy.ark()).unwrap()), Ok(()));
        assert_eq!(list.verify(&Certificate::parse(hierarchy.ask()).unwrap()), Err(CrlError::Issuer));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes).is_err());
        }
    }
}
