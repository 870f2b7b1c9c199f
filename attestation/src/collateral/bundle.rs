//! Collateral in a file, for machines without a way to the vendors.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Address, Item, ItemError, item::Kept};

/// Items in one file. Nothing in it is trusted: verifiers check each item against the pinned roots.
///
/// The file is JSON: `{"version": 1, "items": [{"url", "fetched", "issuer_chain", "body"}]}`, where `url` is the
/// vendor's, `fetched` counts seconds since 1970, `issuer_chain` is PEM or left out, and `body` is base64.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bundle {
    items: Vec<Item>,
    /// Those of all items.
    addresses: HashSet<Address>,
}

/// Why bytes are not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Longer than any bundle.
    #[error("collateral bundle is {found} bytes long, but must not be longer than {}", Bundle::MAX_LENGTH)]
    TooLong {
        /// Bytes that it has.
        found: usize,
    },
    /// Not JSON of this form.
    #[error("collateral bundle is not readable: {0}; make a new one with `contrast collateral fetch`")]
    NotReadable(#[from] serde_json::Error),
    /// Made by another version of the program.
    #[error(
        "collateral bundle has version {0}, but only version {VERSION} is known; make it with the same version of \
         `contrast` as this program's"
    )]
    Version(u32),
    /// One of its items is not well-formed.
    #[error("item {position} of the collateral bundle: {error}")]
    Item {
        /// Position in the list, from 0.
        position: usize,
        /// What is wrong.
        error: ItemError,
    },
    /// More items than any bundle has.
    #[error(
        "collateral bundle has more than {} items, and no more would be kept; split the machines among several deployments",
        Bundle::MAX_ITEMS
    )]
    TooMany,
    /// Two items have the same address.
    #[error("collateral bundle has two items for {0}")]
    Twice(Address),
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    items: Vec<Kept>,
}

impl Bundle {
    /// Length that no file of a real deployment comes near to, in bytes.
    pub const MAX_LENGTH: usize = 64 << 20;

    /// Most items: as many as a program keeps at hand.
    pub const MAX_ITEMS: usize = 4096;

    /// Reads a bundle.
    ///
    /// # Errors
    /// If the bytes are not a bundle; see [`BundleError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(BundleError::TooLong { found: bytes.len() });
        }
        let file: File = serde_json::from_slice(bytes)?;
        if file.version != VERSION {
            return Err(BundleError::Version(file.version));
        }
        let mut bundle = Self::default();
        for (position, kept) in file.items.into_iter().enumerate() {
            let item = Item::try_from(kept).map_err(|error| BundleError::Item { position, error })?;
            bundle.add(item)?;
        }
        Ok(bundle)
    }

    /// The bytes that [`Bundle::parse`] reads.
    ///
    /// # Errors
    /// If JSON cannot hold it, which no item can cause.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let file = File { version: VERSION, items: self.items.iter().map(Kept::from).collect() };
        Ok(serde_json::to_vec_pretty(&file)?)
    }

    /// Adds an item.
    ///
    /// # Errors
    /// If there is one for the same address already, or if there are [`Bundle::MAX_ITEMS`].
    pub fn add(&mut self, item: Item) -> Result<(), BundleError> {
        if self.items.len() == Self::MAX_ITEMS {
            return Err(BundleError::TooMany);
        }
        if !self.addresses.insert(item.address.clone()) {
            return Err(BundleError::Twice(item.address));
        }
        self.items.push(item);
        Ok(())
    }

    /// Its items.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;
    use crate::snp::{Product, SigningKey};

    fn item(product: Product, kind: SigningKey) -> Item {
        Item {
            address: Address::AmdRevocationList { product, kind },
            fetched: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            issuer_chain: (product == Product::Turin).then(|| "PEM".to_owned()),
            body: vec![0, 1, 2, 255],
        }
    }

    fn bundle() -> Bundle {
        let lists = |kind| Product::ALL.map(|product| item(product, kind));
        let mut bundle = Bundle::default();
        for item in [lists(SigningKey::Vcek), lists(SigningKey::Vlek)].concat() {
            bundle.add(item).unwrap();
        }
        bundle
    }

    fn edited(edit: impl FnOnce(&mut serde_json::Value)) -> Result<Bundle, BundleError> {
        let mut json = serde_json::from_slice(&bundle().encode().unwrap()).unwrap();
        edit(&mut json);
        Bundle::parse(json.to_string().as_bytes())
    }

    #[test]
    fn a_bundle_survives_its_file() {
        assert_eq!(Bundle::parse(&bundle().encode().unwrap()).unwrap(), bundle());
    }

    #[test]
    fn each_malformed_part_is_refused_for_its_own_reason() {
        assert!(matches!(edited(|json| json["version"] = 2.into()), Err(BundleError::Version(2))));
        assert!(matches!(edited(|json| json["more"] = 2.into()), Err(BundleError::NotReadable(_))));
        assert!(matches!(
            edited(|json| json["items"][0]["more"] = 2.into()),
            Err(BundleError::NotReadable(_))
        ));
        let refused = |result: Result<Bundle, BundleError>| match result {
            Err(BundleError::Item { position: 1, error }) => error,
            other => panic!("{other:?}"),
        };
        let url = "https://example.org/crl";
        assert!(matches!(
            refused(edited(|json| json["items"][1]["url"] = url.into())),
            ItemError::Address(_)
        ));
        let body = |body: String| refused(edited(|json| json["items"][1]["body"] = body.into()));
        assert!(matches!(body("!".to_owned()), ItemError::NotBase64(_)));
        assert!(matches!(body("AAAA".repeat(1 << 20)), ItemError::TooLong { found: 3_145_728, .. }));
        let time = refused(edited(|json| json["items"][1]["fetched"] = u64::MAX.into()));
        assert!(matches!(time, ItemError::Time(_)));
        let chain = refused(edited(|json| json["items"][1]["issuer_chain"] = "x".repeat(40_000).into()));
        assert!(matches!(chain, ItemError::TooLong { found: 40_000, .. }));
        let twice = edited(|json| json["items"][1]["url"] = json["items"][0]["url"].clone());
        assert!(matches!(twice, Err(BundleError::Twice(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Bundle::parse(&bytes);
        }

        #[test]
        fn a_cut_bundle_is_refused(cut in 0_usize..400) {
            let bytes = bundle().encode().unwrap();
            prop_assert!(Bundle::parse(&bytes[..cut.min(bytes.len() - 1)]).is_err());
        }
    }
}
