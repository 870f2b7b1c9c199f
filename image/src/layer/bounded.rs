//! Uncompressed bytes, counted and hashed.

use std::io::{self, Read};

use crate::digest::Hasher;

/// Reads no more than it may.
pub(super) struct Bounded<R> {
    input: R,
    hasher: Hasher,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(input: R, most: u64) -> Self {
        Self { input, hasher: Hasher::default(), left: most, exceeded: false }
    }

    /// The hash over what was read; nothing if there was more than may be read.
    pub(super) fn into_end(self) -> Option<Hasher> {
        (!self.exceeded).then_some(self.hasher)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("there are more bytes than may be read"));
            }
        }
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
