//! Sealed bytes: nonce ‖ ciphertext ‖ tag, for records and for blobs.

use crate::chain::Digest;
use crate::header::{Header, LogId};
use crate::keys::Keys;
use crate::xaes::{NONCE_LEN, Nonce, NotAuthentic, TAG_LEN, Xaes256Gcm};

/// How many bytes sealing adds.
pub const SEALING_OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// The parts of sealed bytes, borrowed from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedParts<'a> {
    /// 192 random bits.
    pub nonce: &'a [u8; NONCE_LEN],
    /// As long as the plaintext; may be empty.
    pub ciphertext: &'a [u8],
    /// The tag of AES-GCM.
    pub tag: &'a [u8; TAG_LEN],
}

impl<'a> SealedParts<'a> {
    /// Splits sealed bytes; `None` if they are shorter than [`SEALING_OVERHEAD`]. Says nothing about authenticity.
    #[must_use]
    pub fn parse(sealed: &'a [u8]) -> Option<Self> {
        let (nonce, rest) = sealed.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_last_chunk()?;
        Some(Self { nonce, ciphertext, tag })
    }
}

/// The associated data of a record: it opens only in its own log, at its own position, after the same records.
pub(crate) fn record_binding(header: &Header, position: u64, previous: &Digest) -> Vec<u8> {
    binding(
        b"contrast store record\0",
        header.format_version,
        &header.log_id,
        &position.to_be_bytes(),
        previous,
    )
}

/// The associated data of a blob: it opens only in its own log, at its own address.
pub(crate) fn blob_binding(header: &Header, address: &[u8; 32]) -> Vec<u8> {
    binding(b"contrast store blob\0", header.format_version, &header.log_id, &[], address)
}

/// Every field after the domain has a fixed length within its domain, so the concatenation is unambiguous.
fn binding(domain: &[u8], version: u32, log_id: &LogId, position: &[u8], digest: &[u8; 32]) -> Vec<u8> {
    [domain, &version.to_be_bytes(), log_id, position, digest].concat()
}

/// Why sealing failed. Neither cause depends on the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no random bytes for the nonce.
    #[error("the operating system gave no random bytes")]
    NoRandomness(#[from] getrandom::Error),
    /// AES-GCM takes at most 2^36 - 32 bytes a message.
    #[error("the record is too long for AES-GCM")]
    TooLong,
}

/// Seals `plaintext` under a fresh random nonce.
pub(crate) fn seal(cipher: &Xaes256Gcm, binding: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut nonce: Nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce)?;
    let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(SEALING_OVERHEAD));
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let body = sealed.get_mut(NONCE_LEN..).unwrap_or_default();
    let tag = cipher.encrypt(&nonce, binding, body).map_err(|NotAuthentic| SealError::TooLong)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens `sealed` in place; the plaintext is a part of it.
pub(crate) fn open<'a>(
    cipher: &Xaes256Gcm,
    binding: &[u8],
    sealed: &'a mut [u8],
) -> Result<&'a [u8], NotAuthentic> {
    let parts = SealedParts::parse(sealed).ok_or(NotAuthentic)?;
    let (nonce, tag) = (*parts.nonce, *parts.tag);
    let end = sealed.len() - TAG_LEN;
    let body = sealed.get_mut(NONCE_LEN..end).ok_or(NotAuthentic)?;
    cipher.decrypt(&nonce, binding, body, &tag)?;
    Ok(body)
}

/// Opens a record of a log.
pub(crate) fn open_record<'a>(
    keys: &Keys,
    header: &Header,
    position: u64,
    previous: &Digest,
    sealed: &'a mut [u8],
) -> Result<&'a [u8], NotAuthentic> {
    open(&keys.records, &record_binding(header, position, previous), sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cipher() -> Xaes256Gcm {
        Xaes256Gcm::new(&[5; 32])
    }

    #[test]
    fn the_same_event_sealed_twice_gives_unrelated_bytes() {
        let (one, two) = (seal(&cipher(), b"a", b"event").unwrap(), seal(&cipher(), b"a", b"event").unwrap());
        assert_ne!(one[..NONCE_LEN], two[..NONCE_LEN]);
        assert_ne!(one[NONCE_LEN..], two[NONCE_LEN..]);
    }

    #[test]
    fn bytes_too_short_to_be_sealed_are_refused() {
        for length in 0..SEALING_OVERHEAD {
            assert_eq!(SealedParts::parse(&vec![0; length]), None);
            assert_eq!(open(&cipher(), b"", &mut vec![0; length]), Err(NotAuthentic));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_record_opens_only_under_its_own_binding(plaintext: Vec<u8>, binding: Vec<u8>, other: Vec<u8>) {
            let sealed = seal(&cipher(), &binding, &plaintext).unwrap();
            prop_assert_eq!(sealed.len(), plaintext.len() + SEALING_OVERHEAD);
            if other != binding {
                let mut copy = sealed.clone();
                prop_assert_eq!(open(&cipher(), &other, &mut copy), Err(NotAuthentic));
            }
            let mut copy = sealed;
            prop_assert_eq!(open(&cipher(), &binding, &mut copy), Ok(plaintext.as_slice()));
        }

        #[test]
        fn arbitrary_bytes_never_open(mut bytes: Vec<u8>) {
            prop_assert_eq!(open(&cipher(), b"", &mut bytes), Err(NotAuthentic));
        }
    }
}
