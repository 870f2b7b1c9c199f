//! The seed of a deployment, encrypted for each of its owners.

mod file;

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey};
use zeroize::Zeroizing;

use crate::{SeedShareOwner, SeedShareOwnerKey};

/// Bytes of a seed.
pub const SEED_LEN: usize = 64;
/// Bytes of the salt that goes with a seed.
pub const SALT_LEN: usize = 32;

/// The label of RSA-OAEP (RFC 8017, 7.1); hash and mask generation use SHA-256.
pub(crate) const OAEP_LABEL: &[u8] = b"seedshare";

/// A deployment's encrypted seed: what the file `seed-shares.json` holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeedShares {
    /// The whole seed, once for each owner.
    pub shares: Vec<SeedShare>,
    /// Goes into every key that is derived from the seed; not secret.
    pub salt: [u8; SALT_LEN],
}

/// The whole seed, encrypted for one owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeedShare {
    /// The owner: hexadecimal DER RSAPublicKey.
    pub public_key_hex: String,
    /// RSA-OAEP ciphertext.
    pub encrypted_seed: Vec<u8>,
}

/// Why seed shares are of no use.
#[derive(thiserror::Error, Debug)]
pub enum SeedShareError {
    /// The file is not JSON of the right form.
    #[error("the seed shares are not a JSON object with SeedShares and salt")]
    NotSeedShares(#[source] serde_json::Error),
    /// The salt has another length.
    #[error("the salt of the seed shares has {found} bytes, but must have {SALT_LEN}")]
    SaltLength {
        /// How many bytes it has.
        found: usize,
    },
    /// No share is for the key at hand.
    #[error(
        "none of the {shares} seed shares is for this key (SHA-256 of the public key: {})",
        hex::encode(key_digest)
    )]
    NoShareForKey {
        /// How many shares there are.
        shares: usize,
        /// SHA-256 of the DER RSAPublicKey.
        key_digest: [u8; 32],
    },
    /// The share names the key at hand, but was not encrypted for it, or was changed.
    #[error("the seed share for this key does not decrypt: it is damaged, or was encrypted for another key")]
    DoesNotDecrypt,
    /// The seed could not be encrypted for an owner.
    #[error(
        "the seed cannot be encrypted for the owner with the public key of SHA-256 {}",
        hex::encode(key_digest)
    )]
    CannotEncrypt {
        /// SHA-256 of the DER RSAPublicKey.
        key_digest: [u8; 32],
    },
}

/// Encrypts `seed` for every one of `owners`, in their order.
///
/// # Errors
/// When it is too long for an owner's key.
pub fn encrypt_seed(seed: &[u8], owners: &[SeedShareOwner]) -> Result<Vec<SeedShare>, SeedShareError> {
    owners.iter().map(|owner| encrypt_for(seed, owner)).collect()
}

impl SeedShares {
    /// Puts shares (an owner's hexadecimal DER RSAPublicKey, and the ciphertext for it) and the salt together, as they come
    /// from a Coordinator or a file.
    ///
    /// # Errors
    /// When the salt has another length.
    pub fn new(
        shares: impl IntoIterator<Item = (String, Vec<u8>)>,
        salt: &[u8],
    ) -> Result<Self, SeedShareError> {
        let salt = salt.try_into().map_err(|_| SeedShareError::SaltLength { found: salt.len() })?;
        let shares = shares
            .into_iter()
            .map(|(public_key_hex, encrypted_seed)| SeedShare { public_key_hex, encrypted_seed });
        Ok(Self { shares: shares.collect(), salt })
    }

    /// The seed, by the share that is for `key`.
    ///
    /// # Errors
    /// When there is no such share, or it does not decrypt.
    pub fn decrypt(&self, key: &SeedShareOwnerKey) -> Result<Zeroizing<Vec<u8>>, SeedShareError> {
        let owner = key.owner();
        let public_key_hex = owner.to_hex();
        let share =
            self.shares.iter().find(|share| share.public_key_hex.eq_ignore_ascii_case(&public_key_hex));
        let share = share.ok_or_else(|| SeedShareError::NoShareForKey {
            shares: self.shares.len(),
            key_digest: owner.digest(),
        })?;
        key.decrypt(&share.encrypted_seed).ok_or(SeedShareError::DoesNotDecrypt)
    }

    /// Reads the content of a file `seed-shares.json`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SeedShareError> {
        file::read(bytes)
    }

    /// The content of a file `seed-shares.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        file::write(self)
    }
}

fn encrypt_for(seed: &[u8], owner: &SeedShareOwner) -> Result<SeedShare, SeedShareError> {
    let encrypted = || -> Option<Vec<u8>> {
        let key = OaepPublicEncryptingKey::new(owner.encrypting_key()?).ok()?;
        let mut buffer = vec![0; key.ciphertext_size()];
        let ciphertext = key.encrypt(&OAEP_SHA256_MGF1SHA256, seed, &mut buffer, Some(OAEP_LABEL)).ok()?;
        Some(ciphertext.to_vec())
    };
    let encrypted_seed =
        encrypted().ok_or_else(|| SeedShareError::CannotEncrypt { key_digest: owner.digest() })?;
    Ok(SeedShare { public_key_hex: owner.to_hex(), encrypted_seed })
}
