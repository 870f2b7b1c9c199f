//! XAES-256-GCM: AES-256-GCM with 192-bit nonces, so that random nonces never run out.
//!
//! Source: C2SP, <https://c2sp.org/XAES-256-GCM>. The first half of the nonce derives a fresh AES-256-GCM key
//! (NIST SP 800-108r1, counter mode with CMAC), the second half is that key's 96-bit nonce.

use aes::cipher::BlockCipherEncrypt;
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use zeroize::{Zeroize, Zeroizing};

/// Length of a nonce in bytes.
pub(crate) const NONCE_LEN: usize = 24;
/// Length of an authentication tag in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// A nonce of 192 random bits.
pub(crate) type Nonce = [u8; NONCE_LEN];

/// The tag does not fit key, nonce, associated data and ciphertext, or the message is longer than AES-GCM allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the authentication tag does not fit")]
pub(crate) struct NotAuthentic;

/// A 256-bit key, expanded once; each message derives its own AES-GCM key below it.
pub(crate) struct Xaes256Gcm {
    cipher: aes::Aes256,
    /// The CMAC subkey K1 (NIST SP 800-38B, section 6.1); the same for every message.
    k1: Zeroizing<[u8; 16]>,
}

impl Xaes256Gcm {
    /// Expands `key`.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let cipher = aes::Aes256::new(&(*key).into());
        let mut zero = [0u8; 16].into();
        cipher.encrypt_block(&mut zero);
        let k1 = Zeroizing::new(doubled(u128::from_be_bytes(zero.into())).to_be_bytes());
        zero.as_mut_slice().zeroize();
        Self { cipher, k1 }
    }

    /// Encrypts `buffer` in place and returns the tag.
    pub(crate) fn encrypt(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG_LEN], NotAuthentic> {
        let (gcm, rest) = self.message_cipher(nonce);
        gcm.encrypt_inout_detached(&rest.into(), aad, buffer.into()).map(Into::into).map_err(|_| NotAuthentic)
    }

    /// Decrypts `buffer` in place if `tag` fits. On error its content is unspecified ciphertext.
    pub(crate) fn decrypt(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), NotAuthentic> {
        let (gcm, rest) = self.message_cipher(nonce);
        gcm.decrypt_inout_detached(&rest.into(), aad, buffer.into(), &(*tag).into()).map_err(|_| NotAuthentic)
    }

    /// The AES-GCM instance of one message, and the nonce to use it with.
    fn message_cipher(&self, nonce: &Nonce) -> (Aes256Gcm, [u8; 12]) {
        let (mut first, mut second) = ([0u8; 12], [0u8; 12]);
        first.iter_mut().zip(nonce.iter()).for_each(|(to, from)| *to = *from);
        second.iter_mut().zip(nonce.iter().skip(12)).for_each(|(to, from)| *to = *from);

        let mut halves = [self.derivation_block(1, &first), self.derivation_block(2, &first)].map(Into::into);
        self.cipher.encrypt_blocks(&mut halves);
        let mut key = Zeroizing::new([0u8; 32]);
        key.iter_mut().zip(halves.iter().flatten()).for_each(|(to, from)| *to = *from);
        halves.iter_mut().for_each(|half| half.as_mut_slice().zeroize());
        (Aes256Gcm::new(&(*key).into()), second)
    }

    /// The CMAC input block `counter` (16 bits, big-endian) ‖ "X" ‖ 0 ‖ nonce half, mixed with K1.
    fn derivation_block(&self, counter: u8, nonce_half: &[u8; 12]) -> [u8; 16] {
        let mut block = [0u8; 16];
        let input = [0, counter, b'X', 0].into_iter().chain(*nonce_half);
        for ((to, from), mask) in block.iter_mut().zip(input).zip(self.k1.iter()) {
            *to = from ^ mask;
        }
        block
    }
}

/// Doubling in GF(2^128) with the polynomial of CMAC, without a branch on secret bits.
fn doubled(value: u128) -> u128 {
    (value << 1) ^ ((value >> 127) * 0x87)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(key: u8, aad: &[u8]) -> String {
        let mut message = b"XAES-256-GCM".to_vec();
        let tag =
            Xaes256Gcm::new(&[key; 32]).encrypt(b"ABCDEFGHIJKLMNOPQRSTUVWX", aad, &mut message).unwrap();
        hex::encode([message, tag.to_vec()].concat())
    }

    /// Test vectors of the C2SP document: the first has an L with its top bit clear, the second with it set.
    #[test]
    fn sealing_gives_the_published_test_vectors() {
        assert_eq!(sealed(1, b""), "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
        assert_eq!(
            sealed(3, b"c2sp.org/XAES-256-GCM"),
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_sealed_opens_and_any_change_is_noticed(
            key: [u8; 32], nonce: Nonce, aad: Vec<u8>, message: Vec<u8>, flip: prop::sample::Index, bit in 0u8..8,
        ) {
            let cipher = Xaes256Gcm::new(&key);
            let mut buffer = message.clone();
            let tag = cipher.encrypt(&nonce, &aad, &mut buffer).unwrap();

            let mut opened = buffer.clone();
            cipher.decrypt(&nonce, &aad, &mut opened, &tag).unwrap();
            prop_assert_eq!(&opened, &message);

            let mut parts = [nonce.to_vec(), aad, buffer, tag.to_vec()];
            let mut at = flip.index(parts.iter().map(Vec::len).sum());
            for part in &mut parts {
                if at < part.len() { part[at] ^= 1 << bit; break; }
                at -= part.len();
            }
            let [nonce, aad, mut buffer, tag] = parts;
            let changed =
                cipher.decrypt(&nonce.try_into().unwrap(), &aad, &mut buffer, &tag.try_into().unwrap());
            prop_assert_eq!(changed, Err(NotAuthentic));
        }
    }
}
