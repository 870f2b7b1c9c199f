//! Reads fields of fixed length one after the other.

/// Bytes that are still to be read. Never reads beyond its end, and allocates nothing.
pub(crate) struct Cursor<'a>(&'a [u8]);

/// The bytes ended in the middle of a field.
pub(crate) struct Ended;

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Ended> {
        let (field, rest) = self.0.split_at_checked(length).ok_or(Ended)?;
        self.0 = rest;
        Ok(field)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Ended> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Ended)?;
        self.0 = rest;
        Ok(*field)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Ended> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Ended> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn remaining(&self) -> &'a [u8] {
        self.0
    }
}
