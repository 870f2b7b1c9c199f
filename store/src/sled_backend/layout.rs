//! Layout 1: keys, and values cut into chunks.
//!
//! | key | value |
//! |---|---|
//! | `v` | layout version (u32, little-endian) |
//! | `h` ‖ chunk | header |
//! | `e` ‖ position (u64) ‖ chunk | the sealed records of one append; the position is that of the first |
//! | `b` ‖ address (32 bytes) ‖ chunk | sealed blob |
//!
//! `chunk` counts from 0 (u16); numbers in keys are big-endian, so that keys sort by them. The first chunk begins
//! with the length of the whole (u32, little-endian). Records that were appended together are one value: their
//! number (u32, little-endian), then each with its length (u32, little-endian) before it.

use crate::backend::Address;
use crate::backend_error::{BackendError, Damage};
use std::ops::Range;

/// Longest value. Sled writes larger pages to files of their own, which it never syncs; with at most 17 values a
/// page this length keeps clear of that.
const CHUNK_LEN: usize = 4096;
const LENGTH_LEN: usize = 4;

/// Most bytes that a header, a blob, or the records of one append can have.
pub(super) const MOST: usize = CHUNK_LEN * (u16::MAX as usize + 1) - LENGTH_LEN;

pub(super) const HEADER: &[u8] = b"h";
pub(super) const BLOBS: &[u8] = b"b";
pub(super) const RECORDS: &[u8] = b"e";
/// The first key after all records.
pub(super) const AFTER_RECORDS: &[u8] = b"f";

/// What the keys of a record's chunks begin with.
pub(super) fn record(position: u64) -> Vec<u8> {
    [RECORDS, &position.to_be_bytes()].concat()
}

/// What the keys of a blob's chunks begin with.
pub(super) fn blob(address: &Address) -> Vec<u8> {
    [BLOBS, address].concat()
}

/// The position and chunk number in a record's key.
pub(super) fn record_position(key: &[u8]) -> Option<(u64, u16)> {
    let (position, chunk) = key.strip_prefix(RECORDS)?.split_first_chunk()?;
    Some((u64::from_be_bytes(*position), u16::from_be_bytes(chunk.try_into().ok()?)))
}

/// The address in a blob's key.
pub(super) fn blob_address(key: &[u8]) -> Option<Address> {
    key.strip_prefix(BLOBS)?.first_chunk().copied()
}

/// The key of a chunk.
pub(super) fn chunk_key(owner: &[u8], chunk: u16) -> Vec<u8> {
    [owner, &chunk.to_be_bytes()].concat()
}

/// Keys and values to be written.
pub(super) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Cuts `bytes` into chunks. The first one is what makes the others count; it is the first pair.
pub(super) fn cut(owner: &[u8], bytes: &[u8]) -> Result<Pairs, BackendError> {
    let length = check_length(bytes)?;
    let (first, rest) = bytes.split_at_checked(CHUNK_LEN - LENGTH_LEN).unwrap_or((bytes, &[]));
    let mut pairs = vec![(chunk_key(owner, 0), [&length.to_le_bytes(), first].concat())];
    let rest = (1u16..).zip(rest.chunks(CHUNK_LEN));
    pairs.extend(rest.map(|(number, chunk)| (chunk_key(owner, number), chunk.to_vec())));
    Ok(pairs)
}

/// The length of `bytes`, if they can be cut.
pub(super) fn check_length(bytes: &[u8]) -> Result<u32, BackendError> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MOST);
    length.ok_or(BackendError::TooLong { length: bytes.len(), most: MOST })
}

/// Puts the records of one append together: one value, so that one write makes all of them count.
pub(super) fn pack(records: &[Vec<u8>]) -> Result<Vec<u8>, BackendError> {
    let length = records.iter().map(|record| record.len().saturating_add(LENGTH_LEN)).sum::<usize>();
    let too_long = |_| BackendError::TooLong { length, most: MOST };
    let mut packed = Vec::with_capacity(length.saturating_add(LENGTH_LEN).min(MOST));
    packed.extend(u32::try_from(records.len()).map_err(too_long)?.to_le_bytes());
    for record in records {
        packed.extend(u32::try_from(record.len()).map_err(too_long)?.to_le_bytes());
        packed.extend_from_slice(record);
    }
    Ok(packed)
}

/// How many records an append has, from its first chunk.
pub(super) fn packed_records(first_chunk: &[u8]) -> Result<u32, Damage> {
    let (_length, packed) = first_chunk.split_first_chunk::<LENGTH_LEN>().ok_or(Damage::Form)?;
    match packed.first_chunk() {
        Some(number) if *number != [0; 4] => Ok(u32::from_le_bytes(*number)),
        _ => Err(Damage::Form),
    }
}

/// Where in `packed` its records are.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<Range<usize>>, Damage> {
    let (number, mut rest) = packed.split_first_chunk().ok_or(Damage::Form)?;
    let mut spans = Vec::new();
    while let Some((length, bytes)) = rest.split_first_chunk() {
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Damage::Form)?;
        let start = packed.len() - bytes.len();
        rest = bytes.get(length..).ok_or(Damage::Form)?;
        spans.push(start..packed.len() - rest.len());
    }
    let counted = u32::try_from(spans.len()).is_ok_and(|counted| counted == u32::from_le_bytes(*number));
    if counted && rest.is_empty() && !spans.is_empty() { Ok(spans) } else { Err(Damage::Form) }
}

/// Puts chunks together again.
#[derive(Default)]
pub(super) struct Assembly {
    /// Bytes still to come.
    missing: usize,
    next: u32,
}

impl Assembly {
    /// Takes the next chunk and adds its content to `out`; returns whether it was the last one.
    pub(super) fn push(&mut self, number: u16, value: &[u8], out: &mut Vec<u8>) -> Result<bool, Damage> {
        if u32::from(number) != self.next {
            return Err(Damage::Form);
        }
        let mut value = value;
        if number == 0 {
            let (length, first) = value.split_first_chunk().ok_or(Damage::Form)?;
            self.missing = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Damage::Form)?;
            if self.missing > MOST {
                return Err(Damage::Form);
            }
            value = first;
        }
        if value.is_empty() && self.missing > 0 {
            return Err(Damage::Form);
        }
        self.missing = self.missing.checked_sub(value.len()).ok_or(Damage::Form)?;
        self.next += 1;
        out.extend_from_slice(value);
        Ok(self.missing == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(bytes: &[u8]) -> Vec<usize> {
        let db = ::sled::Config::new().temporary(true).open().unwrap();
        for (key, value) in cut(HEADER, bytes).unwrap() {
            db.insert(key, value).unwrap();
        }
        let (mut assembly, mut whole, mut lengths) = (Assembly::default(), Vec::new(), Vec::new());
        let mut finished = false;
        for (number, pair) in (0u16..).zip(db.iter()) {
            assert!(!finished, "nothing follows the last chunk");
            let (key, value) = pair.unwrap();
            assert_eq!(key, chunk_key(HEADER, number));
            lengths.push(value.len());
            finished = assembly.push(number, &value, &mut whole).unwrap();
        }
        assert!(finished && whole == bytes);
        lengths
    }

    #[test]
    fn values_of_all_lengths_around_a_chunk_come_back_and_no_chunk_is_longer_than_4096() {
        for length in [0, 1, 4091, 4092, 4093, 8187, 8188, 8189, 60_000] {
            let lengths = round_trip(&vec![7; length]);
            assert!(lengths.iter().all(|len| *len <= CHUNK_LEN), "{lengths:?}");
            assert_eq!(lengths.len(), (length + LENGTH_LEN).div_ceil(CHUNK_LEN));
        }
    }

    #[test]
    fn chunks_out_of_order_or_with_a_wrong_length_are_refused() {
        let mut out = Vec::new();
        let mut alone = |number, value: &[u8]| Assembly::default().push(number, value, &mut out);
        assert!(matches!(alone(1, b"x"), Err(Damage::Form)));
        assert!(matches!(alone(0, b"abc"), Err(Damage::Form)));
        assert!(matches!(alone(0, &[0, 0, 0, 0, 1]), Err(Damage::Form)));
        assert!(matches!(alone(0, &[255, 255, 255, 255, 1]), Err(Damage::Form)));
        let mut assembly = Assembly::default();
        assert!(matches!(assembly.push(0, &[2, 0, 0, 0, 1], &mut out), Ok(false)));
        assert!(matches!(assembly.push(2, b"x", &mut out), Err(Damage::Form)));
        assert!(matches!(assembly.push(1, b"", &mut out), Err(Damage::Form)));
        assert!(matches!(assembly.push(1, b"xy", &mut out), Err(Damage::Form)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn records_that_were_packed_together_are_found_again_and_no_part_of_them_is_taken_for_all(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6),
            cut: prop::sample::Index,
        ) {
            let packed = pack(&records).unwrap();
            let spans = unpack(&packed).unwrap();
            let found: Vec<Vec<u8>> = spans.into_iter().map(|span| packed[span].to_vec()).collect();
            prop_assert_eq!(found, records);
            prop_assert!(unpack(&packed[..cut.index(packed.len())]).is_err());
            prop_assert!(unpack(&[packed, vec![0]].concat()).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_unpacked_or_refused(bytes: Vec<u8>) {
            if let Ok(spans) = unpack(&bytes) {
                prop_assert!(spans.iter().all(|span| bytes.get(span.clone()).is_some()));
            }
        }
    }

    #[test]
    fn a_value_that_is_too_long_is_refused_before_anything_is_written() {
        let error = cut(HEADER, &vec![0; MOST + 1]).unwrap_err();
        assert!(matches!(error, BackendError::TooLong { .. }), "{error}");
    }
}
