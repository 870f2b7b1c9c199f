//! What an image says about TDX.
//!
//! Intel, "TDX Virtual Firmware Design Guide" (document 344991), "TDVF descriptor" and "TDVF section", and edk2,
//! OvmfPkg/ResetVector/X64/IntelTdxMetadata.asm. Stricter than the guide where hypervisors differ: only the four
//! types that QEMU loads for OVMF, and content that fills its pages.

use super::{
    Image, Pages,
    error::{FirmwareError, Structure},
    metadata::rows,
    pages::overlap,
};

const WHAT: Structure = Structure::TdvfMetadata;
/// `MR.EXTEND`: the content is measured.
const EXTEND: u32 = 1;

/// Pages that are added to a TD.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TdvfSection<'a> {
    /// What for.
    pub kind: TdvfSectionKind,
    /// Where.
    pub pages: Pages,
    /// With what.
    pub content: TdvfContent<'a>,
}

/// What pages are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TdvfSectionKind {
    /// Boot firmware volume: code.
    BootVolume,
    /// Configuration firmware volume: UEFI variables.
    ConfigurationVolume,
    /// Where the hypervisor describes the TD.
    HandOffBlocks,
    /// Memory that the firmware starts with.
    TemporaryMemory,
}

/// What pages are filled with, and whether `MRTD` depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TdvfContent<'a> {
    /// Part of the image, as long as the pages, which is measured.
    Extended(&'a [u8]),
    /// Part of the image, as long as the pages, which is not measured.
    Added(&'a [u8]),
    /// Whatever the hypervisor chooses. Not measured.
    Hypervisor,
}

pub(super) fn parse<'a>(image: &Image<'a>) -> Result<Vec<TdvfSection<'a>>, FirmwareError> {
    let sections = rows(image, WHAT, *b"TDVF")?
        .into_iter()
        .enumerate()
        .map(|(index, row)| Row::from_words(row).section(index, image))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(address) = overlap(sections.iter().map(|section| section.pages)) {
        return Err(FirmwareError::Overlap { what: WHAT, address });
    }
    Ok(sections)
}

/// A section as it stands in the metadata.
struct Row {
    data_offset: u32,
    data_length: u32,
    address: u64,
    length: u64,
    kind: u32,
    attributes: u32,
}

impl Row {
    fn from_words(
        [data_offset, data_length, at_low, at_high, low, high, kind, attributes]: [u32; 8],
    ) -> Self {
        let long = |low, high| u64::from(high) << 32 | u64::from(low);
        let (address, length) = (long(at_low, at_high), long(low, high));
        Self { data_offset, data_length, address, length, kind, attributes }
    }

    fn section<'a>(&self, index: usize, image: &Image<'a>) -> Result<TdvfSection<'a>, FirmwareError> {
        let Self { address, length, kind, attributes, .. } = *self;
        let kind = match kind {
            0 => TdvfSectionKind::BootVolume,
            1 => TdvfSectionKind::ConfigurationVolume,
            2 => TdvfSectionKind::HandOffBlocks,
            3 => TdvfSectionKind::TemporaryMemory,
            _ => return Err(FirmwareError::SectionType { what: WHAT, index, kind }),
        };
        let pages =
            Pages::new(address, length).ok_or(FirmwareError::Pages { what: WHAT, index, address, length })?;
        let wrong_content = FirmwareError::Content { what: WHAT, index };
        let content = match kind {
            TdvfSectionKind::BootVolume | TdvfSectionKind::ConfigurationVolume => {
                let data = self.data(image.bytes()).ok_or(wrong_content)?;
                match attributes {
                    EXTEND => TdvfContent::Extended(data),
                    0 => TdvfContent::Added(data),
                    _ => return Err(FirmwareError::Attributes { what: WHAT, index, attributes }),
                }
            }
            TdvfSectionKind::HandOffBlocks | TdvfSectionKind::TemporaryMemory => {
                if self.data_length != 0 {
                    return Err(wrong_content);
                }
                // What is measured must be known.
                if attributes != 0 {
                    return Err(FirmwareError::Attributes { what: WHAT, index, attributes });
                }
                TdvfContent::Hypervisor
            }
        };
        Ok(TdvfSection { kind, pages, content })
    }

    fn data<'a>(&self, image: &'a [u8]) -> Option<&'a [u8]> {
        if u64::from(self.data_length) != self.length {
            return None;
        }
        let start = usize::try_from(self.data_offset).ok()?;
        image.get(start..start.checked_add(usize::try_from(self.data_length).ok()?)?)
    }
}
