//! A certificate of a vendor's hierarchy (RFC 5280), as far as all vendors are alike: its form, names, dates and
//! extensions. Algorithms and keys are the platforms' own.

use std::{collections::HashSet, time::SystemTime};

use x509_cert::{
    certificate::Certificate,
    der::{Decode, Header, Reader, SliceReader, asn1::ObjectIdentifier, oid::AssociatedOid},
    ext::{
        Extension,
        pkix::{BasicConstraints, KeyUsage},
    },
    name::Name,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
};

/// RFC 5480, section 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Longest certificate of a vendor that is read, in bytes. AMD's and Intel's have at most 1,700.
const MAX_CERTIFICATE: usize = 8 << 10;
/// Most extensions that a certificate may have. AMD's have at most 18.
pub(crate) const MAX_EXTENSIONS: usize = 64;

/// A certificate whose form is right. Nothing is verified yet.
pub(crate) struct Parsed {
    /// The bytes that the issuer signed, as they were sent.
    signed: Vec<u8>,
    certificate: Certificate,
}

/// What is wrong with the form of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FormError {
    /// Longer than any vendor's.
    TooLong,
    /// Not X.509 in DER.
    NotDer,
    /// More extensions than any vendor's.
    TooManyExtensions,
    /// The algorithm beside the signature is not the one that was signed (section 4.1.1.2).
    SignatureAlgorithm,
    /// Two extensions with the same object identifier (section 4.2).
    DuplicateExtension,
    /// An extension that must be understood and is not (section 4.2).
    UnknownCriticalExtension,
}

impl Parsed {
    /// Reads a certificate.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, FormError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(FormError::TooLong);
        }
        let certificate = Certificate::from_der(der).map_err(|_| FormError::NotDer)?;
        let signed = signed_part(der).ok_or(FormError::NotDer)?.to_vec();
        let tbs = certificate.tbs_certificate();
        if certificate.signature_algorithm() != tbs.signature() {
            return Err(FormError::SignatureAlgorithm);
        }
        let extensions = tbs.extensions().map_or(&[][..], Vec::as_slice);
        if extensions.len() > MAX_EXTENSIONS {
            return Err(FormError::TooManyExtensions);
        }
        if repeated(extensions).is_some() {
            return Err(FormError::DuplicateExtension);
        }
        let known = [BasicConstraints::OID, KeyUsage::OID];
        if extensions.iter().any(|extension| extension.critical && !known.contains(&extension.extn_id)) {
            return Err(FormError::UnknownCriticalExtension);
        }
        Ok(Self { signed, certificate })
    }

    pub(crate) fn signature_algorithm(&self) -> &AlgorithmIdentifierOwned {
        self.certificate.signature_algorithm()
    }

    pub(crate) fn subject(&self) -> &Name {
        self.certificate.tbs_certificate().subject()
    }

    pub(crate) fn issuer(&self) -> &Name {
        self.certificate.tbs_certificate().issuer()
    }

    /// The common name of the subject. `None` unless there is exactly one.
    pub(crate) fn common_name(&self) -> Option<String> {
        Some(self.subject().common_name().ok()??.value().into_owned())
    }

    /// The serial number without leading zeros.
    pub(crate) fn serial(&self) -> &[u8] {
        without_zeros(self.certificate.tbs_certificate().serial_number().as_bytes())
    }

    /// First and last moment of validity (section 4.1.2.5).
    pub(crate) fn validity(&self) -> (SystemTime, SystemTime) {
        let validity = self.certificate.tbs_certificate().validity();
        (validity.not_before.to_system_time(), validity.not_after.to_system_time())
    }

    /// The value of an extension, without the OCTET STRING around it.
    pub(crate) fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        let extensions = self.certificate.tbs_certificate().extensions()?;
        extensions.iter().find(|extension| extension.extn_id == id).map(|it| it.extn_value.as_bytes())
    }

    /// May this key sign certificates?
    pub(crate) fn is_authority(&self) -> bool {
        let constraints = self.extension(BasicConstraints::OID).map(BasicConstraints::from_der);
        let usage = self.extension(KeyUsage::OID).map(KeyUsage::from_der);
        matches!(constraints, Some(Ok(constraints)) if constraints.ca)
            && matches!(usage, Some(Ok(usage)) if usage.key_cert_sign())
    }

    pub(crate) fn public_key(&self) -> &SubjectPublicKeyInfoOwned {
        self.certificate.tbs_certificate().subject_public_key_info()
    }

    /// The uncompressed point of a key on `curve`. `None` for any other kind of key.
    pub(crate) fn ec_point<const LENGTH: usize>(&self, curve: ObjectIdentifier) -> Option<[u8; LENGTH]> {
        let key = self.public_key();
        let found = key.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok()?;
        if key.algorithm.oid != EC_PUBLIC_KEY || found != curve {
            return None;
        }
        let point: [u8; LENGTH] = key.subject_public_key.as_bytes()?.try_into().ok()?;
        point.starts_with(&[4]).then_some(point)
    }

    /// What the issuer signed, and the signature. `None` if that is no whole number of bytes.
    pub(crate) fn signed_and_signature(&self) -> Option<(&[u8], &[u8])> {
        Some((&self.signed, self.certificate.signature().as_bytes()?))
    }
}

/// An extension that is there more than once (section 4.2).
pub(crate) fn repeated(extensions: &[Extension]) -> Option<&ObjectIdentifier> {
    let mut seen = HashSet::with_capacity(extensions.len());
    extensions.iter().map(|extension| &extension.extn_id).find(|id| !seen.insert(*id))
}

/// The first element of the outer SEQUENCE, in the bytes that were received: a parser that is more lenient
/// than the signer must not be able to change what is verified.
pub(crate) fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(der).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    let body = reader.read_slice(header.length()).ok()?;
    SliceReader::new(body).ok()?.tlv_bytes().ok()
}

/// A number without leading zeros, so that equal numbers are equal bytes.
pub(crate) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
