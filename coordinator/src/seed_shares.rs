//! The encrypted seed, as the header of the log keeps it and the user API hands it out.

use contrast_manifest::{SeedShareOwner, encrypt_seed};
use contrast_proto::userapi::SeedShare;
pub use contrast_proto::userapi::SeedShareDocument;
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::{event::Digest, refusal::Refusal, seed::Seed};

/// Encrypts the seed for every owner.
///
/// # Errors
/// When an owner's key cannot encrypt.
pub fn encrypt(seed: &Seed, owners: &[SeedShareOwner]) -> Result<SeedShareDocument, Refusal> {
    let shares = encrypt_seed(seed.secret(), owners)?
        .into_iter()
        .map(|share| SeedShare { public_key: share.public_key_hex, encrypted_seed: share.encrypted_seed })
        .collect();
    Ok(SeedShareDocument { seed_shares: shares, salt: seed.salt().to_vec() })
}

/// Reads what the header of a log holds.
///
/// # Errors
/// [`Refusal::BadSeedShares`].
pub fn decode(bytes: &[u8]) -> Result<SeedShareDocument, Refusal> {
    SeedShareDocument::decode(bytes).map_err(Refusal::BadSeedShares)
}

/// Whether one of the shares is encrypted for the key with this SHA-256 (over PKCS#1 DER).
#[must_use]
pub fn has_owner(shares: &SeedShareDocument, key: &Digest) -> bool {
    shares.seed_shares.iter().any(|share| {
        hex::decode(&share.public_key).is_ok_and(|der| Digest::from(Sha256::digest(der)) == *key)
    })
}
