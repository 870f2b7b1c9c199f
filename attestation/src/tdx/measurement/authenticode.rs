//! The Authenticode digest of a PE/COFF image.
//!
//! Microsoft, "PE Format" (headers) and "Windows Authenticode Portable Executable Signature Format", "Calculating the PE
//! image hash": all but the checksum and what belongs to signatures, sections in the order of the file.

use std::ops::Range;

use sha2::{Digest, Sha384};

/// Length of the COFF header.
const COFF: usize = 20;
/// Length of a section's header.
const SECTION: usize = 40;
/// `IMAGE_DIRECTORY_ENTRY_SECURITY`: where the signatures are.
const SECURITY_DIRECTORY: u32 = 4;
/// Length of the checksum, and of a directory's entry.
const CHECKSUM: usize = 4;
const DIRECTORY: usize = 8;

/// Why a file has no Authenticode digest.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeError {
    /// The signature of MS-DOS or of PE is not there.
    #[error("it is no PE image")]
    NotPe,
    /// Neither PE32 nor PE32+.
    #[error("it is a PE image of the unknown kind {magic:#06x}")]
    UnknownKind {
        /// `Magic` of the optional header.
        magic: u16,
    },
    /// A header reaches beyond the file, or beyond the end of all headers.
    #[error("its PE headers are cut")]
    HeadersCut,
    /// A section reaches beyond the file, or sections and signatures are longer than it.
    #[error("a section of the PE image or its signatures do not fit into the file")]
    ContentCut,
}

/// The digest of a file.
pub(super) fn digest(file: &[u8]) -> Result<[u8; 48], PeError> {
    let headers = Headers::parse(file)?;
    let mut hash = Sha384::new();
    let mut hashed = headers.length;
    for range in headers.hashed_ranges() {
        hash.update(file.get(range).ok_or(PeError::HeadersCut)?);
    }
    for section in headers.sections {
        let bytes = file.get(section).ok_or(PeError::ContentCut)?;
        // Before it is hashed: thousands of sections could each be the whole file.
        hashed =
            hashed.checked_add(bytes.len()).filter(|sum| *sum <= file.len()).ok_or(PeError::ContentCut)?;
        hash.update(bytes);
    }
    // What comes after the sections, without the signatures at the very end.
    let end = file.len().checked_sub(headers.signatures_length).ok_or(PeError::ContentCut)?;
    hash.update(file.get(hashed..end).ok_or(PeError::ContentCut)?);
    Ok(hash.finalize().into())
}

struct Headers {
    /// Of all headers, in bytes.
    length: usize,
    checksum: usize,
    /// Where the entry for signatures is, if there is one.
    security_directory: Option<usize>,
    signatures_length: usize,
    /// Where the sections are in the file, ascending.
    sections: Vec<Range<usize>>,
}

impl Headers {
    fn parse(file: &[u8]) -> Result<Self, PeError> {
        if !file.starts_with(b"MZ") {
            return Err(PeError::NotPe);
        }
        let start = offset(u32_at(file, 0x3C)?)?;
        if bytes_at(file, start)? != *b"PE\0\0" {
            return Err(PeError::NotPe);
        }
        let coff = after(start, 4)?;
        let section_count = u16_at(file, after(coff, 2)?)?;
        let optional_length = usize::from(u16_at(file, after(coff, 16)?)?);
        let optional = after(coff, COFF)?;
        let directory_count = match u16_at(file, optional)? {
            0x10B => after(optional, 92)?,
            0x20B => after(optional, 108)?,
            magic => return Err(PeError::UnknownKind { magic }),
        };
        let security_directory = (u32_at(file, directory_count)? > SECURITY_DIRECTORY)
            .then(|| after(directory_count, 4 + SECURITY_DIRECTORY as usize * DIRECTORY))
            .transpose()?;
        let signatures_length = match security_directory {
            Some(entry) => offset(u32_at(file, after(entry, 4)?)?)?,
            None => 0,
        };
        Ok(Self {
            length: offset(u32_at(file, after(optional, 60)?)?)?,
            checksum: after(optional, 64)?,
            security_directory,
            signatures_length,
            sections: sections(file, after(optional, optional_length)?, section_count)?,
        })
    }

    /// The headers, without the checksum and the entry for signatures.
    fn hashed_ranges(&self) -> Vec<Range<usize>> {
        let after_checksum = self.checksum.saturating_add(CHECKSUM);
        match self.security_directory {
            Some(entry) => {
                vec![0..self.checksum, after_checksum..entry, entry.saturating_add(DIRECTORY)..self.length]
            }
            None => vec![0..self.checksum, after_checksum..self.length],
        }
    }
}

/// Where the sections with content are, ascending.
fn sections(file: &[u8], table: usize, count: u16) -> Result<Vec<Range<usize>>, PeError> {
    let mut sections = Vec::new();
    for header in (table..).step_by(SECTION).take(count.into()) {
        let length = offset(u32_at(file, after(header, 16)?)?)?;
        let start = offset(u32_at(file, after(header, 20)?)?)?;
        if length > 0 {
            sections.push(start..after(start, length)?);
        }
    }
    sections.sort_by_key(|section| section.start);
    Ok(sections)
}

fn bytes_at<const N: usize>(file: &[u8], offset: usize) -> Result<[u8; N], PeError> {
    file.get(offset..).and_then(<[u8]>::first_chunk).copied().ok_or(PeError::HeadersCut)
}

fn u16_at(file: &[u8], offset: usize) -> Result<u16, PeError> {
    bytes_at(file, offset).map(u16::from_le_bytes)
}

fn u32_at(file: &[u8], offset: usize) -> Result<u32, PeError> {
    bytes_at(file, offset).map(u32::from_le_bytes)
}

fn offset(value: u32) -> Result<usize, PeError> {
    usize::try_from(value).map_err(|_| PeError::HeadersCut)
}

fn after(start: usize, length: usize) -> Result<usize, PeError> {
    start.checked_add(length).ok_or(PeError::HeadersCut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::firmware::testing::kernel;

    /// What osslsigncode 2.9 signs with SHA-384 for the same file.
    #[test]
    fn the_digest_is_that_of_osslsigncode() {
        assert_eq!(
            hex::encode(digest(&kernel()).unwrap()),
            "0df72f4602aac09fc1b63fc9931a07b934da1690880b336b7d1a51a51154f16844e88febd5c515c98d37535259412dda"
        );
    }

    #[test]
    fn checksum_and_signatures_make_no_difference_and_everything_else_does() {
        let plain = kernel();
        let unsigned = digest(&plain).unwrap();
        let mut signed = plain.clone();
        signed[0x58 + 64] ^= 1; // checksum
        let entry = 0x58 + 112 + 4 * 8;
        signed[entry..entry + 8].copy_from_slice(&[0x20, 0x0C, 0, 0, 16, 0, 0, 0]);
        signed.extend([0xEE; 16]);
        assert_eq!(digest(&signed), Ok(unsigned));
        // A byte of the stub, of the headers, of each section, and behind them.
        for offset in [2, 0x58 + 16, 0x300, 0x400, 0x800, 0xC1F] {
            let mut other = plain.clone();
            other[offset] ^= 1;
            assert_ne!(digest(&other), Ok(unsigned), "{offset:#x}");
        }
    }

    #[test]
    fn sections_are_taken_in_the_order_of_the_file() {
        let plain = kernel();
        let mut other = plain.clone();
        // The headers of the two sections change places, so that the headers alone differ.
        let table = 0x58 + 240;
        let (first, second) = other[table..table + 80].split_at_mut(40);
        first.swap_with_slice(second);
        let file_order = |file: &[u8]| sections(file, table, 2).unwrap();
        assert_eq!(file_order(&plain), [0x400..0x800, 0x800..0xC00]);
        assert_eq!(file_order(&other), file_order(&plain));
    }

    #[test]
    fn files_that_are_cut_are_refused() {
        assert_eq!(digest(b"ELF"), Err(PeError::NotPe));
        assert_eq!(digest(b"MZ"), Err(PeError::HeadersCut));
        let mut file = kernel();
        assert_eq!(digest(&file[..0xBFF]), Err(PeError::ContentCut));
        file[0x58 + 60..0x58 + 64].copy_from_slice(&0_u32.to_le_bytes());
        assert_eq!(digest(&file), Err(PeError::HeadersCut));
        let mut file = kernel();
        file[0x58 + 112 + 4 * 8 + 4] = 0x21; // signatures longer than what follows the sections
        assert_eq!(digest(&file), Err(PeError::ContentCut));
        let mut file = kernel();
        file[0x58] = 7;
        assert_eq!(digest(&file), Err(PeError::UnknownKind { magic: 0x207 }));
    }

    proptest! {
        #[test]
        fn no_file_makes_measuring_panic(
            changes in prop::collection::vec((0..0x260_usize, any::<u8>()), 0..6),
            length in 0..0xC20_usize,
        ) {
            let mut file = kernel();
            for (offset, byte) in changes {
                file[offset] = byte;
            }
            let _ = (digest(&file), digest(&file[..length]));
        }
    }
}
