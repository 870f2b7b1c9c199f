//! The self-signed certificates that both sides present (RFC 5280).

use std::time::{Duration, SystemTime};

use rustls::{SignatureScheme, pki_types::CertificateDer, sign::SigningKey};
use x509_cert::{
    der::{Encode as _, asn1::ObjectIdentifier},
    time::{Time, Validity},
};

use super::error::IssueError;
use crate::{Evidence, EvidenceType};

/// How far a certificate is valid into the past and into the future. Clocks may differ by as much.
const TOLERANCE: Duration = Duration::from_secs(2 * 60 * 60);

/// Object identifier 2.5.4.3 in DER.
pub(super) const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];

/// A self-signed certificate for `key`, whose SubjectPublicKeyInfo is `spki_der`, around `now`.
///
/// Version 3, subject and issuer `CN=Contrast`, a random serial number of 127 bits, and no extension
/// besides the evidence, which is not critical and stands in its value as it is.
///
/// # Errors
/// When the key cannot sign, or the system cannot tell random numbers or a usable time.
pub(super) fn self_signed(
    key: &dyn SigningKey,
    spki_der: &[u8],
    evidence: Option<&Evidence>,
    now: SystemTime,
) -> Result<CertificateDer<'static>, IssueError> {
    let signer = key.choose_scheme(&SCHEMES).ok_or(IssueError::Signature)?;
    let algorithm = algorithm_identifier(signer.scheme()).ok_or(IssueError::Signature)?;
    let extensions = evidence.map(extensions).transpose()?.unwrap_or_default();
    let name = name();
    let to_be_signed = tlv(
        0x30,
        &[
            &tlv(0xa0, &[&tlv(0x02, &[&[2]])]),
            &tlv(0x02, &[&serial_number()?]),
            algorithm,
            &name,
            &validity(now)?,
            &name,
            spki_der,
            &extensions,
        ],
    );
    let signature = signer.sign(&to_be_signed).map_err(|_| IssueError::Signature)?;
    Ok(tlv(0x30, &[&to_be_signed, algorithm, &tlv(0x03, &[&[0], &signature])]).into())
}

/// One signature algorithm for each kind of key.
const SCHEMES: [SignatureScheme; 4] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// The AlgorithmIdentifier in DER (RFC 5758 section 3.2; RFC 4055 section 5).
fn algorithm_identifier(scheme: SignatureScheme) -> Option<&'static [u8]> {
    match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 => Some(b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"),
        SignatureScheme::ECDSA_NISTP384_SHA384 => Some(b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"),
        SignatureScheme::ECDSA_NISTP521_SHA512 => Some(b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04"),
        SignatureScheme::RSA_PKCS1_SHA256 => {
            Some(b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")
        }
        _ => None,
    }
}

/// The name `CN=Contrast` in DER.
fn name() -> Vec<u8> {
    tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[COMMON_NAME, &tlv(0x13, &[b"Contrast"])])])])
}

/// 16 random bytes that are a positive INTEGER of exactly that length.
fn serial_number() -> Result<[u8; 16], IssueError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let [first, ..] = &mut bytes;
    *first = (*first & 0x7f) | 0x40;
    Ok(bytes)
}

fn validity(now: SystemTime) -> Result<Vec<u8>, IssueError> {
    let from = now.checked_sub(TOLERANCE).and_then(time).ok_or(IssueError::Clock(now))?;
    let until = now.checked_add(TOLERANCE).and_then(time).ok_or(IssueError::Clock(now))?;
    Validity::<x509_cert::certificate::Rfc5280>::new(from, until).to_der().map_err(|_| IssueError::Clock(now))
}

/// X.509 knows whole seconds only.
fn time(at: SystemTime) -> Option<Time> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    x509_cert::der::DateTime::from_unix_duration(Duration::from_secs(since.as_secs())).ok().map(Time::from)
}

/// The field `extensions` with the evidence in it. Evidence is long, so it is copied once, not once for each level.
fn extensions(evidence: &Evidence) -> Result<Vec<u8>, IssueError> {
    let oid =
        object_identifier(evidence.evidence_type).ok_or(IssueError::EvidenceType(evidence.evidence_type))?;
    let document = evidence.document.as_slice();
    let value = header(0x04, document.len());
    let inner = oid.len() + value.len() + document.len();
    let extension = header(0x30, inner);
    let list = header(0x30, extension.len() + inner);
    let field = header(0xa3, list.len() + extension.len() + inner);
    Ok([field.as_slice(), &list, &extension, &oid, &value, document].concat())
}

/// The object identifier of a type of evidence in DER.
fn object_identifier(evidence_type: EvidenceType) -> Option<Vec<u8>> {
    let arcs = evidence_type.oid().iter().map(|arc| u32::try_from(*arc).ok()).collect::<Option<Vec<_>>>()?;
    ObjectIdentifier::from_arcs(arcs).ok()?.to_der().ok()
}

/// One element of DER: tag, length, and the parts of its value one after the other.
pub(super) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = Vec::with_capacity(length + HEADER);
    put_header(&mut der, tag, length);
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

/// Bytes of tag and length at most, up to lengths of four bytes.
const HEADER: usize = 6;

/// Tag and length of an element of DER.
fn header(tag: u8, length: usize) -> Vec<u8> {
    let mut der = Vec::with_capacity(HEADER);
    put_header(&mut der, tag, length);
    der
}

fn put_header(der: &mut Vec<u8>, tag: u8, length: usize) {
    der.push(tag);
    if length < 0x80 {
        der.extend(u8::try_from(length));
    } else {
        let digits = (usize::BITS - length.leading_zeros()).div_ceil(8);
        der.extend(u8::try_from(digits).map(|count| 0x80 | count));
        der.extend(length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0));
    }
}
