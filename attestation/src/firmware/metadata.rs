//! The form that the metadata for SEV and for TDX share.

use super::{
    Image, MAX_SECTIONS,
    error::{FirmwareError, Structure},
};
use crate::cursor::{Cursor, Ended};

const VERSION: u32 = 1;
/// Signature, length of the whole, version, number of rows.
const HEADER: usize = 16;

/// The rows of the metadata that `what` leads to: `WORDS` little-endian numbers each.
///
/// The structure itself is the distance of the metadata from the end of the image.
pub(super) fn rows<const WORDS: usize>(
    image: &Image<'_>,
    what: Structure,
    signature: [u8; 4],
) -> Result<Vec<[u32; WORDS]>, FirmwareError> {
    let cut = |Ended| FirmwareError::Cut { what };
    let distance = image.table.number(what)?;
    let mut cursor = Cursor::new(image.last_bytes(distance).ok_or(cut(Ended))?);
    if cursor.array().map_err(cut)? != signature {
        return Err(cut(Ended));
    }
    let length = cursor.u32().map_err(cut)?;
    let version = cursor.u32().map_err(cut)?;
    if version != VERSION {
        return Err(FirmwareError::Version { what, version });
    }
    let count = cursor.u32().map_err(cut)?;
    let length = usize::try_from(length).ok().and_then(|length| length.checked_sub(HEADER));
    let mut body = Cursor::new(cursor.bytes(length.ok_or(cut(Ended))?).map_err(cut)?);
    if count > MAX_SECTIONS {
        return Err(FirmwareError::TooManySections { what, count });
    }
    (0..count).map(|_| row(&mut body).map_err(cut)).collect()
}

fn row<const WORDS: usize>(cursor: &mut Cursor<'_>) -> Result<[u32; WORDS], Ended> {
    let mut row = [0; WORDS];
    for word in &mut row {
        *word = cursor.u32()?;
    }
    Ok(row)
}
