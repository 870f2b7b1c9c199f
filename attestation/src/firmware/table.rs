//! The table of GUIDed structures at the end of an image.
//!
//! edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm: it is read backwards. Each structure ends with its length
//! (16 bits, that of length and GUID included) and its GUID. The last one, 32 bytes before the end of the image, has
//! the length of the whole table.

use super::error::{FirmwareError, Structure};
use crate::guid::guid;

const FOOTER: [u8; 16] = guid(0x96b582de_1fb2_45f7_baea_a366c55a082d);
/// Length of the reset vector, which comes after the table.
const RESET_VECTOR: usize = 32;
/// Length of an entry's length and GUID.
const ENTRY_END: usize = 2 + 16;

#[derive(Clone, Debug)]
pub(super) struct Table<'a>(Vec<Entry<'a>>);

#[derive(Clone, Debug)]
struct Entry<'a> {
    guid: [u8; 16],
    data: &'a [u8],
}

impl<'a> Table<'a> {
    pub(super) fn parse(image: &'a [u8]) -> Result<Self, FirmwareError> {
        let end = image.len().saturating_sub(RESET_VECTOR);
        let (before, length, found) =
            image.get(..end).and_then(split_entry_end).ok_or(FirmwareError::NoTable)?;
        if found != FOOTER {
            return Err(FirmwareError::NoTable);
        }
        let mut rest = last(before, length).ok_or(FirmwareError::TableLength { length })?;
        let mut entries = Vec::new();
        // Fewer bytes than an entry has are padding.
        while let Some((before, length, guid)) = split_entry_end(rest) {
            let data = last(before, length).ok_or(FirmwareError::EntryLength { length })?;
            entries.push(Entry { guid, data });
            rest = before.get(..before.len().saturating_sub(data.len())).unwrap_or_default();
        }
        Ok(Self(entries))
    }

    /// The data of a structure, `None` if the table does not have it.
    pub(super) fn find(&self, structure: Structure) -> Result<Option<&'a [u8]>, FirmwareError> {
        let guid = guid_of(structure);
        let mut found = self.0.iter().filter(|entry| entry.guid == guid);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(FirmwareError::TwoEntries { what: structure }),
            (first, None) => Ok(first.map(|entry| entry.data)),
        }
    }

    /// The little-endian number that the data of a structure begins with.
    pub(super) fn number(&self, structure: Structure) -> Result<u32, FirmwareError> {
        let data = self.find(structure)?.ok_or(FirmwareError::Missing { what: structure })?;
        let bytes = data.first_chunk().ok_or(FirmwareError::Cut { what: structure })?;
        Ok(u32::from_le_bytes(*bytes))
    }
}

fn guid_of(structure: Structure) -> [u8; 16] {
    guid(match structure {
        Structure::SevResetBlock => 0x00f771de_1a7e_4fcb_890e_68c77e2fb44e,
        Structure::SevMetadata => 0xdc886566_984a_4798_a75e_5585a7bf67cc,
        Structure::SevHashTable => 0x7255371f_3a3b_4b04_927b_1da6efa8d454,
        Structure::TdvfMetadata => 0xe47a6535_984a_4798_865e_4685a7bf8ec2,
    })
}

/// What comes before the length and the GUID that `bytes` ends with, and the two.
fn split_entry_end(bytes: &[u8]) -> Option<(&[u8], u16, [u8; 16])> {
    let (before, guid) = bytes.split_last_chunk()?;
    let (before, length) = before.split_last_chunk()?;
    Some((before, u16::from_le_bytes(*length), *guid))
}

/// The last bytes of `before`, of an entry that has `length` bytes with its end.
fn last(before: &[u8], length: u16) -> Option<&[u8]> {
    let data = usize::from(length).checked_sub(ENTRY_END)?;
    before.get(before.len().checked_sub(data)?..)
}
