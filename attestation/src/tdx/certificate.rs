//! One certificate of Intel's hierarchy: parsed, and checked against the key above it.
//!
//! RFC 5280 for the form; Intel "SGX PCK Certificate and Certificate Revocation List Profile Specification" for
//! names, algorithms (ECDSA P-256 with SHA-256 throughout) and extensions.

use std::time::SystemTime;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_cert::{
    certificate::Certificate as Parsed,
    der::{
        Decode,
        asn1::ObjectIdentifier,
        oid::AssociatedOid,
        pem::{self, PemLabel},
    },
    ext::pkix::{BasicConstraints, KeyUsage},
    name::Name,
};

use crate::snp::certificate::{signed_part, without_zeros};

pub(super) const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// Intel's chains have three certificates.
const MAX_CHAIN: usize = 4;

/// A certificate whose form is right. Nothing is verified yet.
pub(super) struct Certificate {
    der: Vec<u8>,
    /// The bytes that the issuer signed, as they were sent.
    signed: Vec<u8>,
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

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = Parsed::from_der(der).map_err(|_| CertificateError::NotDer)?;
        let signed = signed_part(der).ok_or(CertificateError::NotDer)?.to_vec();
        let tbs = parsed.tbs_certificate();
        let outer = parsed.signature_algorithm();
        if outer.oid != ECDSA_WITH_SHA256 || outer.parameters.is_some() || outer != tbs.signature() {
            return Err(CertificateError::SignatureAlgorithm);
        }
        let mut seen = Vec::new();
        for extension in tbs.extensions().into_iter().flatten() {
            if seen.contains(&extension.extn_id) {
                return Err(CertificateError::DuplicateExtension);
            }
            seen.push(extension.extn_id);
            let known = [BasicConstraints::OID, KeyUsage::OID].contains(&extension.extn_id);
            if extension.critical && !known {
                return Err(CertificateError::UnknownCriticalExtension);
            }
        }
        let name = tbs.subject().common_name().map_err(|_| CertificateError::CommonName)?;
        let common_name = name.ok_or(CertificateError::CommonName)?.value().into_owned();
        let point = p256_point(&parsed).ok_or(CertificateError::Key)?;
        Ok(Self { der: der.to_vec(), signed, common_name, point, parsed })
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
            if label != Parsed::PEM_LABEL {
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
        pem::encode_string(Parsed::PEM_LABEL, pem::LineEnding::LF, &self.der)
            .map_err(|_| CertificateError::NotPem)
    }

    pub(super) fn subject(&self) -> &Name {
        self.parsed.tbs_certificate().subject()
    }

    pub(super) fn issuer(&self) -> &Name {
        self.parsed.tbs_certificate().issuer()
    }

    /// Common name of the subject.
    pub(super) fn common_name(&self) -> &str {
        &self.common_name
    }

    /// The serial number without leading zeros.
    pub(super) fn serial(&self) -> &[u8] {
        without_zeros(self.parsed.tbs_certificate().serial_number().as_bytes())
    }

    /// First and last moment of validity (RFC 5280, section 4.1.2.5).
    pub(super) fn validity(&self) -> (SystemTime, SystemTime) {
        let validity = self.parsed.tbs_certificate().validity();
        (validity.not_before.to_system_time(), validity.not_after.to_system_time())
    }

    /// May this key sign certificates?
    pub(super) fn is_authority(&self) -> bool {
        let constraints = self.extension(BasicConstraints::OID).map(BasicConstraints::from_der);
        let usage = self.extension(KeyUsage::OID).map(KeyUsage::from_der);
        matches!(constraints, Some(Ok(constraints)) if constraints.ca)
            && matches!(usage, Some(Ok(usage)) if usage.key_cert_sign())
    }

    /// Did `issuer`'s key sign this certificate?
    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        let signature = self.parsed.signature().as_bytes();
        matches!(signature, Some(signature) if issuer.verifies(&self.signed, signature))
    }

    /// Did this certificate's key sign `message`? The signature is in DER.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.point).verify(message, signature).is_ok()
    }

    /// The key: an uncompressed P-256 point.
    pub(super) fn point(&self) -> &[u8; 65] {
        &self.point
    }

    fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        let extensions = self.parsed.tbs_certificate().extensions()?;
        extensions.iter().find(|extension| extension.extn_id == id).map(|it| it.extn_value.as_bytes())
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

fn p256_point(parsed: &Parsed) -> Option<[u8; 65]> {
    let key = parsed.tbs_certificate().subject_public_key_info();
    let curve = key.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok()?;
    if key.algorithm.oid != EC_PUBLIC_KEY || curve != PRIME256V1 {
        return None;
    }
    key.subject_public_key.as_bytes()?.try_into().ok().filter(|point: &[u8; 65]| point.first() == Some(&4))
}
