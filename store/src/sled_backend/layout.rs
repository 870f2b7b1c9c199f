//! Layout 1: keys, and values cut into chunks.
//!
//! | key | value |
//! |---|---|
//! | `v` | layout version (u32, little-endian) |
//! | `h` ‖ chunk | header |
//! | `e` ‖ position (u64) ‖ chunk | sealed record |
//! | `b` ‖ address (32 bytes) ‖ chunk | sealed blob |
//!
//! `chunk` counts from 0 (u16); numbers in keys are big-endian, so that keys sort by them. The first chunk begins
//! with the length of the whole (u32, little-endian).

use crate::backend::Address;
use crate::backend_error::{BackendError, Damage};

/// Longest value. Sled writes larger pages to files of their own, which it never syncs; with at most 17 values a
/// page this length keeps clear of that.
const CHUNK_LEN: usize = 4096;
const LENGTH_LEN: usize = 4;

/// Most bytes that one header, record or blob can have.
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
    let too_long = || BackendError::TooLong { length: bytes.len(), most: MOST };
    if bytes.len() > MOST {
        return Err(too_long());
    }
    let length = u32::try_from(bytes.len()).map_err(|_| too_long())?;
    let (first, rest) = bytes.split_at_checked(CHUNK_LEN - LENGTH_LEN).unwrap_or((bytes, &[]));
    let mut pairs = vec![(chunk_key(owner, 0), [&length.to_le_bytes(), first].concat())];
    let rest = (1u16..).zip(rest.chunks(CHUNK_LEN));
    pairs.extend(rest.map(|(number, chunk)| (chunk_key(owner, number), chunk.to_vec())));
    Ok(pairs)
}

/// Puts chunks together again.
#[derive(Default)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    length: usize,
    next: u32,
}

impl Assembly {
    /// Takes the next chunk; returns the whole when it was the last one.
    pub(super) fn push(&mut self, number: u16, value: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
        if u32::from(number) != self.next {
            return Err(Damage::Form);
        }
        let mut value = value;
        if number == 0 {
            let (length, first) = value.split_first_chunk().ok_or(Damage::Form)?;
            self.length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Damage::Form)?;
            if self.length > MOST {
                return Err(Damage::Form);
            }
            value = first;
        }
        self.next += 1;
        self.bytes.extend_from_slice(value);
        match self.bytes.len().cmp(&self.length) {
            std::cmp::Ordering::Less if value.is_empty() => Err(Damage::Form),
            std::cmp::Ordering::Less => Ok(None),
            std::cmp::Ordering::Equal => {
                self.next = 0;
                Ok(Some(std::mem::take(&mut self.bytes)))
            }
            std::cmp::Ordering::Greater => Err(Damage::Form),
        }
    }

    /// Whether a chunk is still to come.
    pub(super) fn unfinished(&self) -> bool {
        self.next != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(bytes: &[u8]) -> Vec<usize> {
        let db = ::sled::Config::new().temporary(true).open().unwrap();
        for (key, value) in cut(HEADER, bytes).unwrap() {
            db.insert(key, value).unwrap();
        }
        let (mut assembly, mut whole, mut lengths) = (Assembly::default(), None, Vec::new());
        for (number, pair) in (0u16..).zip(db.iter()) {
            assert_eq!(whole, None, "nothing follows the last chunk");
            let (key, value) = pair.unwrap();
            assert_eq!(key, chunk_key(HEADER, number));
            lengths.push(value.len());
            whole = assembly.push(number, &value).unwrap();
        }
        assert_eq!(whole.as_deref(), Some(bytes));
        assert!(!assembly.unfinished());
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
        assert!(matches!(Assembly::default().push(1, b"x"), Err(Damage::Form)));
        assert!(matches!(Assembly::default().push(0, b"abc"), Err(Damage::Form)));
        assert!(matches!(Assembly::default().push(0, &[0, 0, 0, 0, 1]), Err(Damage::Form)));
        assert!(matches!(Assembly::default().push(0, &[255, 255, 255, 255, 1]), Err(Damage::Form)));
        let mut assembly = Assembly::default();
        assert!(matches!(assembly.push(0, &[2, 0, 0, 0, 1]), Ok(None)));
        assert!(matches!(assembly.push(2, b"x"), Err(Damage::Form)));
        assert!(matches!(assembly.push(1, b""), Err(Damage::Form)));
    }

    #[test]
    fn a_value_that_is_too_long_is_refused_before_anything_is_written() {
        let error = cut(HEADER, &vec![0; MOST + 1]).unwrap_err();
        assert!(matches!(error, BackendError::TooLong { .. }), "{error}");
    }
}
