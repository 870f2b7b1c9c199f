//! Certificates and lists of the simulated authorities, changed at will and signed again by their keys.

use std::{
    fs,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PSS_SHA384, RsaKeyPair},
};
use x509_cert::der::{DateTime, Decode, Encode, Header, Reader, SliceReader, asn1::UtcTime};

use crate::support::GENOA;

/// The keys of the hierarchy of these tests.
pub(crate) struct Keys {
    pub(crate) ark: RsaKeyPair,
    pub(crate) ask: RsaKeyPair,
}

pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    GENOA.save(dir.path()).unwrap();
    let read = |name| RsaKeyPair::from_pkcs8(&fs::read(dir.path().join(name)).unwrap()).unwrap();
    Keys { ark: read("ark-key.der"), ask: read("ask-key.der") }
});

/// Changes the elements of the signed part of a certificate or list, and signs it again.
pub(crate) fn resigned(der: &[u8], key: &RsaKeyPair, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let [signed, algorithm, _] = <[_; 3]>::try_from(elements(der)).unwrap();
    let mut parts = elements(&signed);
    change(&mut parts);
    let signed = element(0x30, &parts.concat());
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PSS_SHA384, &SystemRandom::new(), &signed, &mut signature).unwrap();
    let signature = element(0x03, &[&[0], &signature[..]].concat());
    element(0x30, &[signed, algorithm, signature].concat())
}

/// What the outermost element contains.
pub(crate) fn elements(der: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = SliceReader::new(der).unwrap();
    Header::decode(&mut reader).unwrap();
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(reader.tlv_bytes().unwrap().to_vec());
    }
    elements
}

pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        0..=0x7F => vec![tag, length as u8],
        0x80..=0xFF => vec![tag, 0x81, length as u8],
        _ => [&[tag, 0x82][..], &(length as u16).to_be_bytes()].concat(),
    };
    [&header, content].concat()
}

/// A moment before 2050.
pub(crate) fn time(time: SystemTime) -> Vec<u8> {
    UtcTime::from_date_time(date(time)).unwrap().to_der().unwrap()
}

/// A moment in whole seconds, as DER and findings tell it.
pub(crate) fn date(time: SystemTime) -> DateTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    DateTime::from_unix_duration(Duration::from_secs(since.as_secs())).unwrap()
}
