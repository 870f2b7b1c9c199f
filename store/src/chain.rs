//! The chain: one digest for everything up to a position.
//!
//! It runs over sealed bytes, so that a locked log can compute it without the seed.

use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Digest = [u8; 32];

/// The digest before the first record: SHA-256 over the header, so that the header is bound to every record.
pub(crate) fn of_header(header: &[u8]) -> Digest {
    Sha256::new().chain_update(b"contrast store v1 header\0").chain_update(header).finalize().into()
}

/// The digest after a record: SHA-256 over the digest before it and the record as it is stored.
pub(crate) fn after(previous: &Digest, sealed: &[u8]) -> Digest {
    Sha256::new()
        .chain_update(b"contrast store v1 record\0")
        .chain_update(previous)
        .chain_update(sealed)
        .finalize()
        .into()
}

/// SHA-256 over the bytes of a blob: the name by which events refer to it.
pub(crate) fn of_blob(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fold(records: &[Vec<u8>]) -> Digest {
        records.iter().fold(of_header(b"header"), |digest, record| after(&digest, record))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_chain_changes_with_content_order_number_and_borders_of_records(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 2..8),
            at: prop::sample::Index,
        ) {
            let at = at.index(records.len() - 1);
            let whole = fold(&records);

            let mut changed = records.clone();
            changed[at][0] ^= 1;
            prop_assert_ne!(fold(&changed), whole);

            let mut dropped = records.clone();
            dropped.remove(at);
            prop_assert_ne!(fold(&dropped), whole);

            let mut moved_border = records.clone();
            let byte = moved_border[at + 1].remove(0);
            moved_border[at].push(byte);
            prop_assert_ne!(fold(&moved_border), whole);

            let mut swapped = records.clone();
            swapped.swap(at, at + 1);
            prop_assert!(swapped == records || fold(&swapped) != whole);
        }
    }
}
