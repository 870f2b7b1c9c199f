//! Writes the few DER structures that certificates of AMD's form need (ITU-T X.690, RFC 5280).

use std::time::SystemTime;

use x509_cert::der::{
    DateTime, Encode,
    asn1::{GeneralizedTime, ObjectIdentifier, UtcTime},
};

/// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and 48 bytes of salt (RFC 4055), as AMD encodes it.
pub(super) const RSASSA_PSS_SHA384: [u8; 72] = [
    0x30, 0x46, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A, 0x30, 0x39, 0xA0, 0x0F,
    0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xA1, 0x1C,
    0x30, 0x1A, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08, 0x30, 0x0D, 0x06, 0x09,
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xA2, 0x03, 0x02, 0x01, 0x30, 0xA3,
    0x03, 0x02, 0x01, 0x01,
];

const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(super) fn octet_string(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

pub(super) fn bit_string(content: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], content].concat())
}

pub(super) fn explicit(tag: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xA0 | tag, content)
}

/// A small non-negative INTEGER.
pub(super) fn integer(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
    let digits = bytes.get(zeros..).unwrap_or_default();
    let sign = if digits.first().is_some_and(|first| *first >= 0x80) { &[0][..] } else { &[] };
    tlv(0x02, &[sign, digits].concat())
}

pub(super) fn ia5_string(text: &str) -> Vec<u8> {
    tlv(0x16, text.as_bytes())
}

pub(super) fn object_identifier(id: ObjectIdentifier) -> Vec<u8> {
    tlv(0x06, id.as_bytes())
}

/// An extension; `critical` only where it is true, as DER leaves defaults out.
pub(super) fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xFF] } else { &[] };
    sequence(&[&object_identifier(id), critical, &octet_string(value)])
}

/// The name of a simulated certificate: nobody shall take it for AMD's.
pub(super) fn name(common_name: &str) -> Vec<u8> {
    let attribute =
        |id, text: &str| tlv(0x31, &sequence(&[&object_identifier(id), &tlv(0x0C, text.as_bytes())]));
    sequence(&[
        &attribute(ORGANISATION, "Contrast simulator (NOT CONFIDENTIAL)"),
        &attribute(COMMON_NAME, common_name),
    ])
}

/// `None` outside the years 1970 to 9999.
pub(super) fn validity(not_before: SystemTime, not_after: SystemTime) -> Option<Vec<u8>> {
    Some(sequence(&[&time(not_before)?, &time(not_after)?]))
}

/// `None` outside the years 1970 to 9999.
pub(super) fn time(time: SystemTime) -> Option<Vec<u8>> {
    let date = DateTime::from_system_time(time).ok()?;
    // RFC 5280, section 4.1.2.5: UTCTime up to 2049, GeneralizedTime after.
    match date.year() {
        ..2050 => UtcTime::from_date_time(date).ok()?.to_der().ok(),
        _ => GeneralizedTime::from_date_time(date).to_der().ok(),
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let digits = length.get(zeros..).unwrap_or_default();
    let mut out = vec![tag];
    match digits {
        [] => out.push(0),
        [short @ 0..0x80] => out.push(*short),
        long => {
            out.push(0x80 | long.len().to_le_bytes().first().copied().unwrap_or(0));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}
