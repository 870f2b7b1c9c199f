//! The levels of a hash tree, of which only the unfinished blocks are kept.

use aws_lc_rs::digest::{SHA256, digest};

use super::{BLOCK, RootHash};

/// SHA-256 of salt and block.
pub(super) type BlockDigest = [u8; 32];

const SALT: usize = 32;

/// Digests of blocks, one after the other.
pub(super) struct BlockHasher {
    /// Salt, which stays zero, and block.
    salted: Box<[u8; SALT + BLOCK]>,
}

impl Default for BlockHasher {
    fn default() -> Self {
        Self { salted: Box::new([0; SALT + BLOCK]) }
    }
}

impl BlockHasher {
    /// The digest of one block; a shorter one is filled with zeros.
    pub(super) fn digest(&mut self, block: &[u8]) -> BlockDigest {
        let (_, room) = self.salted.split_at_mut(SALT);
        let (used, rest) = room.split_at_mut(block.len().min(BLOCK));
        if let Some(block) = block.get(..used.len()) {
            used.copy_from_slice(block);
        }
        rest.fill(0);
        let mut bytes = [0; 32];
        let digest = digest(&SHA256, self.salted.as_slice());
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// Takes the digests of the data blocks in their order. A few KiB, whatever the data has.
#[derive(Default)]
pub(super) struct Tree {
    levels: Vec<Level>,
    hasher: BlockHasher,
}

#[derive(Default)]
struct Level {
    /// The hash block in the making.
    block: Vec<u8>,
    /// Digests that the level has so far.
    count: u64,
}

impl Tree {
    /// Adds the digest of the next data block.
    pub(super) fn push(&mut self, digest: &BlockDigest) {
        self.push_at(0, *digest);
    }

    /// The root. One data block is its own top.
    pub(super) fn root(mut self) -> RootHash {
        let mut at = 0;
        while let Some(level) = self.levels.get_mut(at) {
            if level.count == 1 {
                return RootHash(level.block.as_slice().try_into().unwrap_or_default());
            }
            if !level.block.is_empty() {
                let block = std::mem::take(&mut level.block);
                let digest = self.hasher.digest(&block);
                self.push_at(at + 1, digest);
            }
            at += 1;
        }
        // Not reached with any data: the last level has one digest.
        RootHash(self.hasher.digest(&[]))
    }

    fn push_at(&mut self, first: usize, mut digest: BlockDigest) {
        for at in first.. {
            if self.levels.len() <= at {
                self.levels.push(Level::default());
            }
            let Some(level) = self.levels.get_mut(at) else { return };
            level.block.extend_from_slice(&digest);
            level.count += 1;
            if level.block.len() < BLOCK {
                return;
            }
            digest = self.hasher.digest(&level.block);
            level.block.clear();
        }
    }
}
