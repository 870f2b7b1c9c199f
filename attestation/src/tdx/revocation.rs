//! A certificate revocation list of Intel's: RFC 5280, section 5.

use std::{collections::HashSet, time::SystemTime};

use x509_cert::{crl::CertificateList, der::Decode, name::Name};

use super::certificate::{Certificate, ECDSA_WITH_SHA256};
use crate::x509::{signed_part, without_zeros};

/// Longest list that is read, in bytes: as much as is fetched of one. Intel's for PCK certificates is the longest, with some 100,000.
const MAX_LENGTH: usize = 2 << 20;

/// A list whose form is right. Nothing is verified yet.
pub(super) struct RevocationList {
    signed: Vec<u8>,
    signature: Vec<u8>,
    issuer: Name,
    pub(super) this_update: SystemTime,
    pub(super) next_update: SystemTime,
    /// Serial numbers without leading zeros.
    revoked: HashSet<Vec<u8>>,
}

/// What is wrong with the form of a revocation list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RevocationListError {
    /// Longer than any.
    #[error("a list of more than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not X.509.
    #[error("bytes that are not a DER X.509 revocation list")]
    NotDer,
    /// Not the only algorithm that Intel uses.
    #[error("a signature algorithm other than ECDSA with SHA-256, or two that differ")]
    SignatureAlgorithm,
    /// It would be valid for ever.
    #[error("a list that does not say until when it is valid")]
    NoNextUpdate,
    /// Something that must be understood and is not.
    #[error("a list with a critical extension that is not known")]
    UnknownCriticalExtension,
}

impl RevocationList {
    pub(super) fn parse(der: &[u8]) -> Result<Self, RevocationListError> {
        if der.len() > MAX_LENGTH {
            return Err(RevocationListError::TooLong);
        }
        let list: CertificateList =
            CertificateList::from_der(der).map_err(|_| RevocationListError::NotDer)?;
        let signed = signed_part(der).ok_or(RevocationListError::NotDer)?.to_vec();
        let signature = list.signature.as_bytes().ok_or(RevocationListError::NotDer)?.to_vec();
        let (algorithm, body) = (&list.signature_algorithm, &list.tbs_cert_list);
        if algorithm.oid != ECDSA_WITH_SHA256 || *algorithm != body.signature {
            return Err(RevocationListError::SignatureAlgorithm);
        }
        let entries = || body.revoked_certificates.iter().flatten();
        // An entry extension can say that the entry is about another issuer's certificate.
        let mut extensions = body
            .crl_extensions
            .iter()
            .chain(entries().filter_map(|entry| entry.crl_entry_extensions.as_ref()))
            .flatten();
        if extensions.any(|extension| extension.critical) {
            return Err(RevocationListError::UnknownCriticalExtension);
        }
        Ok(Self {
            signed,
            signature,
            issuer: body.issuer.clone(),
            this_update: body.this_update.to_system_time(),
            next_update: body.next_update.ok_or(RevocationListError::NoNextUpdate)?.to_system_time(),
            revoked: entries().map(|entry| without_zeros(entry.serial_number.as_bytes()).to_vec()).collect(),
        })
    }

    pub(super) fn is_issued_by(&self, issuer: &Certificate) -> bool {
        self.issuer == *issuer.subject()
    }

    pub(super) fn is_signed_by(&self, issuer: &Certificate) -> bool {
        issuer.verifies(&self.signed, &self.signature)
    }

    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        self.revoked.contains(certificate.serial())
    }
}

impl std::fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevocationList({} certificates)", self.revoked.len())
    }
}
