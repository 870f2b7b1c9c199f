//! One thing that was fetched, and the form in which it is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

use super::Address;

/// Longest certificate chain that is kept next to a body, in bytes.
pub(super) const MAX_ISSUER_CHAIN: usize = 32 << 10;

/// What a vendor answered. Nothing is verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Where it was asked for.
    pub address: Address,
    /// When, in whole seconds.
    pub fetched: SystemTime,
    /// Certificates of the issuer in PEM, if they came in a header.
    pub issuer_chain: Option<String>,
    /// The body of the answer.
    pub body: Vec<u8>,
}

/// Why a kept item cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ItemError {
    /// Its URL is none that is fetched.
    #[error(transparent)]
    Address(#[from] super::UnknownAddress),
    /// Its body is not base64 with padding.
    #[error("the body of {0} is not standard base64")]
    NotBase64(Address),
    /// Its body or its chain is longer than any such item.
    #[error("{address} is {found} bytes long, but must not be longer than {limit}")]
    TooLong {
        /// What it is.
        address: Address,
        /// Bytes that it has.
        found: usize,
        /// Bytes that it may have.
        limit: usize,
    },
    /// The moment when it was fetched cannot be represented.
    #[error("{0} was fetched at a time that does not exist")]
    Time(Address),
}

/// An item in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    url: String,
    /// Seconds since 1970.
    fetched: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer_chain: Option<String>,
    body: String,
}

impl From<&Item> for Kept {
    fn from(item: &Item) -> Self {
        Self {
            url: item.address.url(),
            fetched: item.fetched.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            issuer_chain: item.issuer_chain.clone(),
            body: BASE64.encode(&item.body),
        }
    }
}

impl TryFrom<Kept> for Item {
    type Error = ItemError;

    fn try_from(kept: Kept) -> Result<Self, ItemError> {
        let address = Address::from_url(&kept.url)?;
        let chain = kept.issuer_chain.as_ref().map_or(0, String::len);
        if chain > MAX_ISSUER_CHAIN {
            return Err(ItemError::TooLong { address, found: chain, limit: MAX_ISSUER_CHAIN });
        }
        let Ok(body) = BASE64.decode(&kept.body) else { return Err(ItemError::NotBase64(address)) };
        if body.len() > address.max_length() {
            return Err(ItemError::TooLong { limit: address.max_length(), address, found: body.len() });
        }
        match UNIX_EPOCH.checked_add(Duration::from_secs(kept.fetched)) {
            Some(fetched) => Ok(Self { address, fetched, issuer_chain: kept.issuer_chain, body }),
            None => Err(ItemError::Time(address)),
        }
    }
}
