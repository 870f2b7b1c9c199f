//! The JSON form of seed shares: names and nesting of the protobuf message `SeedShareDocument`.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize, de::Error};

use super::{SeedShare, SeedShareError, SeedShares};

pub(super) fn read(bytes: &[u8]) -> Result<SeedShares, SeedShareError> {
    let document: Document = serde_json::from_slice(bytes).map_err(SeedShareError::NotSeedShares)?;
    let entries = document.seed_shares.unwrap_or_default().into_iter();
    let shares = entries.map(|entry| Ok((entry.public_key, base64(&entry.encrypted_seed)?)));
    let shares: Vec<_> = shares.collect::<Result<_, SeedShareError>>()?;
    SeedShares::new(shares, &base64(&document.salt)?)
}

pub(super) fn write(shares: &SeedShares) -> String {
    let entry = |share: &SeedShare| Entry {
        public_key: share.public_key_hex.clone(),
        encrypted_seed: BASE64_STANDARD.encode(&share.encrypted_seed),
    };
    let entries: Vec<_> = shares.shares.iter().map(entry).collect();
    let document = Document {
        seed_shares: (!entries.is_empty()).then_some(entries),
        salt: BASE64_STANDARD.encode(shares.salt),
    };
    // Strings under fixed names always have a JSON form.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn base64(text: &str) -> Result<Vec<u8>, SeedShareError> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| SeedShareError::NotSeedShares(serde_json::Error::custom(error)))
}

#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(rename = "SeedShares", skip_serializing_if = "Option::is_none")]
    seed_shares: Option<Vec<Entry>>,
    /// Spelled both ways by present programs.
    #[serde(alias = "Salt")]
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(rename = "PublicKey")]
    public_key: String,
    #[serde(rename = "EncryptedSeed")]
    encrypted_seed: String,
}
