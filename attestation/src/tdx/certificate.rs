//! One certificate of Intel's hierarchy: parsed, and checked against the key above it.
//!
//! Intel "SGX PCK Certificate and Certificate Revocation List Profile Specification" for
//! names, algorithms (ECDSA P-256 with SHA-256 throughout) and extensions.

use std::ops::Deref;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_cert::{
    certificate::Certificate as Encoded,
    der::{
        asn1::ObjectIdentifier,
        pem::{self, PemLabel},
    },
};

use crate::x509::{FormError, Parsed};

pub(super) const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// Intel's chains have three certificates.
const MAX_CHAIN: usize = 4;

/// A certificate whose form is right. Nothing is verified yet.
pub(super) struct Certificate {
    der: Vec<u8>,
    common_name: String,
    point: [u8; 65],
    parsed: Parsed,
}

/// What is wrong with the form of a certificate or of a list of certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not PEM blocks with the label CERTIFICATE, one after the other.
    #[error("text that is not a list of PEM certificates")]
    NotPem,
    /// More than any chain has.
    #[error("more than {MAX_CHAIN} certificates")]
    TooMany,
    /// Longer than any certificate of the vendor.
    #[error("a certificate that is longer than any of Intel's")]
    TooLong,
    /// More extensions than any certificate of the vendor.
    #[error("a certificate with more extensions than any of Intel's")]
    TooManyExtensions,
    /// Not X.509.
    #[error("bytes that are not a DER X.509 certificate")]
    NotDer,
    /// Not the only algorithm that Intel uses.
    #[error("a signature algorithm other than ECDSA with SHA-256, or two that differ")]
    SignatureAlgorithm,
    /// Not the only kind of key that Intel uses.
    #[error("a key that is not a P-256 key")]
    Key,
    /// No subject to call it by.
    #[error("a subject without exactly one common name")]
    CommonName,
    /// Two values for one thing.
    #[error("two extensions with the same object identifier")]
    DuplicateExtension,
    /// Something that must be understood and is not.
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
    pub(super) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = Parsed::parse(der)?;
        let algorithm = parsed.signature_algorithm();
        if algorithm.oid != ECDSA_WITH_SHA256 || algorithm.parameters.is_some() {
            return Err(CertificateError::SignatureAlgorithm);
        }
        let common_name = parsed.common_name().ok_or(CertificateError::CommonName)?;
        let point = parsed.ec_point(PRIME256V1).ok_or(CertificateError::Key)?;
        Ok(Self { der: der.to_vec(), common_name, point, parsed })
    }

    /// Reads PEM certificates that follow one another, and nothing but them: the end may be padded with white
    /// space and zero bytes.
    pub(super) fn parse_chain(text: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let mut rest = text.trim_ascii_start();
        while let Some((0 | b' ' | b'\r' | b'\n', shorter)) = rest.split_last() {
            rest = shorter;
        }
        let mut chain = Vec::new();
        while !rest.is_empty() {
            if chain.len() == MAX_CHAIN {
                return Err(CertificateError::TooMany);
            }
            let (block, after) = pem_block(rest).ok_or(CertificateError::NotPem)?;
            let (label, der) = pem::decode_vec(block).map_err(|_| CertificateError::NotPem)?;
            if label != Encoded::PEM_LABEL {
                return Err(CertificateError::NotPem);
            }
            chain.push(Self::parse(&der)?);
            rest = after.trim_ascii_start();
        }
        Ok(chain)
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn pem(&self) -> Result<String, CertificateError> {
        pem::encode_string(Encoded::PEM_LABEL, pem::LineEnding::LF, &self.der)
            .map_err(|_| CertificateError::NotPem)
    }

    /// Common name of the subject.
    pub(super) fn common_name(&self) -> &str {
        &self.common_name
    }

    /// Did `issuer`'s key sign this certificate?
    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        let parts = self.parsed.signed_and_signature();
        parts.is_some_and(|(signed, signature)| issuer.verifies(signed, signature))
    }

    /// Did this certificate's key sign `message`? The signature is in DER.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.point).verify(message, signature).is_ok()
    }

    /// The key: an uncompressed P-256 point.
    pub(super) fn point(&self) -> &[u8; 65] {
        &self.point
    }
}

impl Deref for Certificate {
    type Target = Parsed;

    fn deref(&self) -> &Parsed {
        &self.parsed
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({:?})", self.common_name)
    }
}

/// A first PEM block, and what follows it.
fn pem_block(text: &[u8]) -> Option<(&[u8], &[u8])> {
    const END: &[u8] = b"-----END CERTIFICATE-----";
    if !text.starts_with(b"-----BEGIN CERTIFICATE-----") {
        return None;
    }
    let end = text.windows(END.len()).position(|window| window == END)?;
    text.split_at_checked(end + END.len())
}
