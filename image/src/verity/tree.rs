//! The levels of a hash tree, of which only the unfinished blocks are kept.

use aws_lc_rs::digest::{Context, SHA256};

use super::{BLOCK, RootHash};

/// SHA-256 of salt and block.
pub(super) type BlockDigest = [u8; 32];

const SALT: [u8; 32] = [0; 32];
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// The digest of salt and block; a shorter block is filled with zeros.
pub(super) fn block_digest(block: &[u8]) -> BlockDigest {
    let mut context = Context::new(&SHA256);
    context.update(&SALT);
    context.update(block);
    if block.len() < BLOCK {
        context.update(ZEROS.get(block.len()..).unwrap_or_default());
    }
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

/// Takes the digests of the data blocks in their order. A few KiB, whatever the data has.
#[derive(Default)]
pub(super) struct Tree {
    levels: Vec<Level>,
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
                let digest = block_digest(&block);
                self.push_at(at + 1, digest);
            }
            at += 1;
        }
        // Not reached with any data: the last level has one digest.
        RootHash(block_digest(&[]))
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
            digest = block_digest(&level.block);
            level.block.clear();
        }
    }
}
