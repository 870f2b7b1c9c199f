//! One certificate of AMD's hierarchy: parsed, and checked against the key above it.
//!
//! AMD "Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification" (document 57230) for names,
//! algorithms and extensions.

use std::ops::Deref;

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA384, UnparsedPublicKey};
use x509_cert::der::{Encode, asn1::ObjectIdentifier};

use crate::x509::{FormError, Parsed};

pub(crate) const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Modulus of an AMD key in bytes.
const RSA_4096: usize = 512;

/// A certificate whose form is right. Nothing is verified yet.
pub(crate) struct Certificate(Parsed);

/// What is wrong with the form of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("a certificate that is longer than any of AMD's")]
    TooLong,
    #[error("a certificate with more extensions than any of AMD's")]
    TooManyExtensions,
    #[error("bytes that are not a DER X.509 certificate")]
    NotDer,
    #[error("a signature algorithm other than RSASSA-PSS, or two that differ")]
    SignatureAlgorithm,
    #[error("a subject without exactly one common name")]
    CommonName,
    #[error("two extensions with the same object identifier")]
    DuplicateExtension,
    #[error("a critical extension that is not known")]
    UnknownCriticalExtension,
}

impl From<FormError> for CertificateError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::TooLong => Self::TooLong,
            FormError::NotDer => Self::NotDer,
            FormError::TooManyExtensions => Self::TooManyExtensions,
            FormError::SignatureAlgorithm => Self::SignatureAlgorithm,
            FormError::DuplicateExtension => Self::DuplicateExtension,
            FormError::UnknownCriticalExtension => Self::UnknownCriticalExtension,
        }
    }
}

impl Certificate {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = Parsed::parse(der)?;
        if parsed.signature_algorithm().oid != RSASSA_PSS {
            return Err(CertificateError::SignatureAlgorithm);
        }
        Ok(Self(parsed))
    }

    pub(crate) fn common_name(&self) -> Result<String, CertificateError> {
        self.0.common_name().ok_or(CertificateError::CommonName)
    }

    /// Did `issuer`'s key, an RSA key of 4096 bits, sign this certificate (RSASSA-PSS with SHA-384)?
    pub(crate) fn is_signed_by(&self, issuer: &Self) -> bool {
        self.0.signed_and_signature().is_some_and(|(signed, signature)| issuer.verifies(signed, signature))
    }

    /// Did this certificate's key, an RSA key of 4096 bits, sign `message`?
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = self.0.public_key();
        if key.algorithm.oid != RSA_ENCRYPTION || signature.len() != RSA_4096 {
            return false;
        }
        let Ok(spki) = key.to_der() else { return false };
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, spki).verify(message, signature).is_ok()
    }

    /// The P-384 point of the key, uncompressed. `None` for any other kind of key.
    pub(crate) fn p384_point(&self) -> Option<[u8; 97]> {
        self.0.ec_point(SECP384R1)
    }
}

impl Deref for Certificate {
    type Target = Parsed;

    fn deref(&self) -> &Parsed {
        &self.0
    }
}
