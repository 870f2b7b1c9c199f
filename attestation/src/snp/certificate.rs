//! One certificate of AMD's hierarchy: parsed, and checked against the key above it.
//!
//! RFC 5280 for the form; AMD "Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface
//! Specification" (document 57230) for names, algorithms and extensions.

use std::time::SystemTime;

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA384, UnparsedPublicKey};
use x509_cert::{
    certificate::Certificate as Parsed,
    der::{Decode, Encode, Reader, SliceReader, asn1::ObjectIdentifier, oid::AssociatedOid},
    ext::pkix::{BasicConstraints, KeyUsage},
    name::Name,
};

pub(crate) const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Modulus of an AMD key in bytes.
const RSA_4096: usize = 512;

/// A certificate whose form is right. Nothing is verified yet.
pub(crate) struct Certificate {
    /// The bytes that the issuer signed, as they were sent.
    signed: Vec<u8>,
    parsed: Parsed,
}

/// What is wrong with the form of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum CertificateError {
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

impl Certificate {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = Parsed::from_der(der).map_err(|_| CertificateError::NotDer)?;
        let signed = signed_part(der).ok_or(CertificateError::NotDer)?.to_vec();
        let certificate = Self { signed, parsed };
        let tbs = certificate.parsed.tbs_certificate();
        let outer = certificate.parsed.signature_algorithm();
        if outer.oid != RSASSA_PSS || outer != tbs.signature() {
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
        Ok(certificate)
    }

    pub(crate) fn subject(&self) -> &Name {
        self.parsed.tbs_certificate().subject()
    }

    pub(crate) fn issuer(&self) -> &Name {
        self.parsed.tbs_certificate().issuer()
    }

    /// The serial number without leading zeros.
    pub(crate) fn serial(&self) -> &[u8] {
        without_zeros(self.parsed.tbs_certificate().serial_number().as_bytes())
    }

    pub(crate) fn common_name(&self) -> Result<String, CertificateError> {
        let name = self.subject().common_name().map_err(|_| CertificateError::CommonName)?;
        name.map(|name| name.value().into_owned()).ok_or(CertificateError::CommonName)
    }

    /// First and last moment of validity (RFC 5280, section 4.1.2.5).
    pub(crate) fn validity(&self) -> (SystemTime, SystemTime) {
        let validity = self.parsed.tbs_certificate().validity();
        (validity.not_before.to_system_time(), validity.not_after.to_system_time())
    }

    /// The value of an extension, without the OCTET STRING around it.
    pub(crate) fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        let extensions = self.parsed.tbs_certificate().extensions()?;
        extensions.iter().find(|extension| extension.extn_id == id).map(|it| it.extn_value.as_bytes())
    }

    /// May this key sign certificates?
    pub(crate) fn is_authority(&self) -> bool {
        let constraints = self.extension(BasicConstraints::OID).map(BasicConstraints::from_der);
        let usage = self.extension(KeyUsage::OID).map(KeyUsage::from_der);
        matches!(constraints, Some(Ok(constraints)) if constraints.ca)
            && matches!(usage, Some(Ok(usage)) if usage.key_cert_sign())
    }

    /// Did `issuer`'s key, an RSA key of 4096 bits, sign this certificate (RSASSA-PSS with SHA-384)?
    pub(crate) fn is_signed_by(&self, issuer: &Self) -> bool {
        let signature = self.parsed.signature().as_bytes();
        matches!(signature, Some(signature) if issuer.verifies(&self.signed, signature))
    }

    /// Did this certificate's key, an RSA key of 4096 bits, sign `message`?
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = self.parsed.tbs_certificate().subject_public_key_info();
        if key.algorithm.oid != RSA_ENCRYPTION || signature.len() != RSA_4096 {
            return false;
        }
        let Ok(spki) = key.to_der() else { return false };
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, spki).verify(message, signature).is_ok()
    }

    /// The P-384 point of the key, uncompressed. `None` for any other kind of key.
    pub(crate) fn p384_point(&self) -> Option<[u8; 97]> {
        let key = self.parsed.tbs_certificate().subject_public_key_info();
        let curve = key.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok()?;
        if key.algorithm.oid != EC_PUBLIC_KEY || curve != SECP384R1 {
            return None;
        }
        key.subject_public_key
            .as_bytes()?
            .try_into()
            .ok()
            .filter(|point: &[u8; 97]| point.first() == Some(&4))
    }
}

/// The first element of the outer SEQUENCE, in the bytes that were received: a parser that is more lenient
/// than the signer must not be able to change what is verified.
pub(crate) fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(der).ok()?;
    let header = x509_cert::der::Header::decode(&mut reader).ok()?;
    let body = reader.read_slice(header.length()).ok()?;
    SliceReader::new(body).ok()?.tlv_bytes().ok()
}

/// A number without leading zeros, so that equal numbers are equal bytes.
pub(crate) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
