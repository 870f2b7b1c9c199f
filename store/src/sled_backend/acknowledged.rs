//! A witness of how long the log was.
//!
//! Sled takes a damaged place in its file for the torn end of a crash and goes on without what follows. This file
//! says how many records were durable, so that such a loss is found. It is written after each append and not
//! synced: what it says is true at any time, it is only not always the latest. It is no protection against a host,
//! which can replace it together with the log.

use super::names;
use crate::backend_error::BackendError;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: &[u8; 8] = b"CONTRACK";
/// magic ‖ count (u64, little-endian) ‖ first 16 bytes of their SHA-256. Less than a sector, so never torn.
const LEN: usize = 32;

pub(super) struct Acknowledged(File);

impl Acknowledged {
    /// Opens the file for writing, making it if needed.
    pub(super) fn open(path: &Path) -> Result<Self, BackendError> {
        names::open_or_make_file(path).map(Self)
    }

    /// The number in the file, or `None` if there is no file or nothing usable in it.
    pub(super) fn count(path: &Path) -> Option<u64> {
        let bytes = names::read_at_most(names::open_file(path).ok()?, LEN as u64).ok()??;
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (count, _) = rest.split_first_chunk::<8>()?;
        let count = u64::from_le_bytes(*count);
        (magic == MAGIC && bytes == encode(count)).then_some(count)
    }

    /// Writes the number.
    pub(super) fn write(&self, count: u64) -> io::Result<()> {
        self.0.write_all_at(&encode(count), 0)
    }

    /// Makes it durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

fn encode(count: u64) -> Vec<u8> {
    let mut bytes = [MAGIC.as_slice(), &count.to_le_bytes()].concat();
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest.iter().take(LEN - bytes.len()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_or_flipped_witness_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("acknowledged");
        assert_eq!(Acknowledged::count(&path), None);
        Acknowledged::open(&path).unwrap().write(77).unwrap();
        assert_eq!(Acknowledged::count(&path), Some(77));

        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), LEN);
        for at in 0..LEN {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            std::fs::write(&path, changed).unwrap();
            assert_eq!(Acknowledged::count(&path), None, "byte {at}");
            std::fs::write(&path, &bytes[..at]).unwrap();
            assert_eq!(Acknowledged::count(&path), None, "cut at {at}");
        }
    }
}
