//! The keys of one log, derived from the seed.

use crate::header::{Header, LogId};
use crate::xaes::Xaes256Gcm;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Shortest seed that is accepted, in bytes.
pub const MIN_SEED_LEN: usize = 32;

/// Everything that reading and writing one log needs. Zeroised on drop; deliberately neither `Debug` nor `Clone`.
pub(crate) struct Keys {
    pub(crate) records: Xaes256Gcm,
    pub(crate) blobs: Xaes256Gcm,
    blob_addresses: Zeroizing<[u8; 32]>,
    key_check: [u8; 32],
}

impl Keys {
    /// HKDF-SHA256 (RFC 5869) with the log's salt. Each key has its own info string; the log id in it keeps two
    /// logs apart even where seed and salt are the same. `None` if the seed is shorter than [`MIN_SEED_LEN`].
    pub(crate) fn derive(seed: &[u8], salt: &[u8; 32], log_id: &LogId) -> Option<Self> {
        if seed.len() < MIN_SEED_LEN {
            return None;
        }
        let hkdf = Hkdf::<Sha256>::new(Some(salt), seed);
        let key = |purpose: &str| -> Option<Zeroizing<[u8; 32]>> {
            let mut okm = Zeroizing::new([0u8; 32]);
            let info = [b"contrast store v1 ".as_slice(), purpose.as_bytes(), b" ", log_id].concat();
            hkdf.expand(&info, okm.as_mut_slice()).ok()?;
            Some(okm)
        };
        Some(Self {
            records: Xaes256Gcm::new(&*key("records")?),
            blobs: Xaes256Gcm::new(&*key("blobs")?),
            blob_addresses: key("blob addresses")?,
            key_check: *key("key check")?,
        })
    }

    /// The keys for `header`'s log, or `None` if `seed` is too short.
    pub(crate) fn of(seed: &[u8], header: &Header) -> Option<Self> {
        Self::derive(seed, &header.salt, &header.log_id)
    }

    /// A value that tells whether a seed is the right one. Public: it reveals nothing about the other keys.
    pub(crate) fn key_check(&self) -> [u8; 32] {
        self.key_check
    }

    /// Where the blob with this SHA-256 is kept. Keyed, so that a host learns nothing from the address, not even
    /// whether a blob that it knows is stored.
    pub(crate) fn blob_address(&self, digest: &[u8; 32]) -> [u8; 32] {
        // `new` takes a key of HMAC's block size; a shorter one is padded with zeros (RFC 2104, section 2).
        let mut block = Zeroizing::new([0u8; 64]);
        block.iter_mut().zip(self.blob_addresses.iter()).for_each(|(to, from)| *to = *from);
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        mac.update(digest);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 64] = [7; 64];

    fn keys(seed: &[u8], salt: u8, log: u8) -> Keys {
        Keys::derive(seed, &[salt; 32], &[log; 16]).unwrap()
    }

    #[test]
    fn seed_salt_and_log_id_each_change_every_key() {
        let base = keys(&SEED, 1, 1);
        for other in [keys(&[8; 64], 1, 1), keys(&SEED, 2, 1), keys(&SEED, 1, 2)] {
            assert_ne!(base.key_check(), other.key_check());
            assert_ne!(base.blob_address(&[0; 32]), other.blob_address(&[0; 32]));
        }
        assert_eq!(base.key_check(), keys(&SEED, 1, 1).key_check());
    }

    #[test]
    fn seeds_below_256_bits_are_refused() {
        assert!(Keys::derive(&SEED[..31], &[1; 32], &[1; 16]).is_none());
        assert!(Keys::derive(&SEED[..32], &[1; 32], &[1; 16]).is_some());
    }
}
