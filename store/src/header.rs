//! The header: what a locked log shows to anybody, in plain.

use crate::chain::{self, Digest};
use crate::error::HeaderDefect;

/// The format that this program writes: header, sealing and chain.
pub const FORMAT_VERSION: u32 = 1;

/// Random name of a log; part of what every record is bound to.
pub type LogId = [u8; 16];

const MAGIC: &[u8; 8] = b"CONTRLOG";

/// The header of a log. Written once, with the first events, and never changed. It is not secret, and not trusted
/// until the first record has verified: the chain starts from its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Format of header, sealing and chain; see `docs/store-format.md`.
    pub format_version: u32,
    /// Random name of the log.
    pub log_id: LogId,
    /// HKDF salt.
    pub salt: [u8; 32],
    /// The encrypted seed, one share an owner. Opaque to the store.
    pub seed_shares: Vec<u8>,
    /// Derived from the seed; tells a wrong seed from a damaged log.
    pub key_check: [u8; 32],
}

impl Header {
    /// magic ‖ version (u32) ‖ log id ‖ salt ‖ key check ‖ length of the shares (u32) ‖ shares ‖ digest of all before.
    /// Integers are little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let shares = u32::try_from(self.seed_shares.len()).unwrap_or(u32::MAX);
        let mut bytes = [
            MAGIC.as_slice(),
            &self.format_version.to_le_bytes(),
            &self.log_id,
            &self.salt,
            &self.key_check,
            &shares.to_le_bytes(),
            &self.seed_shares,
        ]
        .concat();
        let digest = chain::of_header(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    /// Reads a header and the digest that the chain starts from.
    ///
    /// # Errors
    /// Says which part of it is wrong. A newer format is told from damage, whatever follows the version.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Digest), HeaderDefect> {
        let mut rest = bytes;
        if take(&mut rest)? != *MAGIC {
            return Err(HeaderDefect::NotAHeader);
        }
        let format_version = u32::from_le_bytes(take(&mut rest)?);
        if format_version > FORMAT_VERSION {
            return Err(HeaderDefect::Newer { found: format_version });
        }
        let body = bytes.len().checked_sub(32).ok_or(HeaderDefect::Length)?;
        let (covered, stored) = bytes.split_at_checked(body).ok_or(HeaderDefect::Length)?;
        let digest = chain::of_header(covered);
        if stored != digest || format_version == 0 {
            return Err(HeaderDefect::Digest);
        }
        let (log_id, salt, key_check) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let shares =
            usize::try_from(u32::from_le_bytes(take(&mut rest)?)).map_err(|_| HeaderDefect::Length)?;
        if rest.len().checked_sub(32) != Some(shares) {
            return Err(HeaderDefect::Length);
        }
        let seed_shares = rest.get(..shares).ok_or(HeaderDefect::Length)?.to_vec();
        Ok((Self { format_version, log_id, salt, seed_shares, key_check }, digest))
    }
}

/// Takes the next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], HeaderDefect> {
    let (head, tail) = rest.split_first_chunk().ok_or(HeaderDefect::Length)?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Header {
        Header {
            format_version: FORMAT_VERSION,
            log_id: [1; 16],
            salt: [2; 32],
            seed_shares: b"shares".to_vec(),
            key_check: [3; 32],
        }
    }

    #[test]
    fn a_header_of_a_newer_format_is_told_from_a_damaged_one() {
        let mut bytes = example().to_bytes();
        bytes[8] = 9;
        assert_eq!(Header::parse(&bytes), Err(HeaderDefect::Newer { found: 9 }));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_of_a_header_is_noticed() {
        let bytes = example().to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Header::parse(&changed).is_err(), "byte {at}");
            assert!(Header::parse(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_header_reads_back_as_written(log_id: LogId, salt: [u8; 32], key_check: [u8; 32], seed_shares: Vec<u8>) {
            let header = Header { format_version: 1, log_id, salt, seed_shares, key_check };
            prop_assert_eq!(Header::parse(&header.to_bytes()).map(|(read, _)| read), Ok(header));
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(Header::parse(&bytes).is_err());
        }
    }
}
