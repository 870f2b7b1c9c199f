//! dm-verity root hashes of layers, as a snapshotter shows them to the guest: the uncompressed archive, followed by an
//! index of its files, as one read-only block device.
//!
//! Hash tree: type 1, SHA-256, blocks of 4096 bytes, a salt of 32 zero bytes, no superblock (Linux,
//! `Documentation/admin-guide/device-mapper/verity.rst`). Nothing is written anywhere: only the root is kept.

mod hasher;
mod index;
mod tree;

use std::{fmt, io::Read};

use serde::{Deserialize, Serialize};

pub(crate) use hasher::RootHasher;
pub use index::IndexError;
pub(crate) use index::TarIndex;

/// Data blocks and hash blocks.
const BLOCK: usize = 4096;

/// The root of a dm-verity hash tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RootHash(#[serde(with = "hex::serde")] [u8; 32]);

impl RootHash {
    /// The root for any data, with as many zeros at its end as fill the last block. All cores are used.
    ///
    /// # Errors
    /// If reading fails.
    pub fn of_data(data: impl Read) -> std::io::Result<Self> {
        let mut hasher = RootHasher::new();
        hasher.read_from(data)?;
        hasher.finish()
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 hexadecimal digits, as `veritysetup` writes them.
impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
