//! What an image says about SEV-SNP.
//!
//! edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm: each section has an address, a length and a type.

use super::{
    Image, PAGE_LENGTH, Pages,
    error::{FirmwareError, Structure},
    metadata::rows,
    pages::overlap,
};

const WHAT: Structure = Structure::SevMetadata;

/// What a hypervisor has to know to launch an SEV-SNP guest with an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SevMetadata {
    /// Guest address at which application processors start; never zero.
    pub ap_eip: u32,
    /// Guest address at which the firmware looks for the hashes of kernel, initrd and command line. `None` if it
    /// does not look for them.
    pub hash_table: Option<u32>,
    /// Pages that are added to the guest, in this order. No two sections overlap.
    pub sections: Vec<SevSection>,
}

/// Pages that are added to a guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SevSection {
    /// What for.
    pub kind: SevSectionKind,
    /// Where.
    pub pages: Pages,
}

/// What pages are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SevSectionKind {
    /// Memory that the firmware starts with (`SNP_SEC_MEM`), zero.
    Memory,
    /// The secrets page, one page that the processor fills.
    Secrets,
    /// The CPUID page, one page that the hypervisor fills and the processor checks.
    Cpuid,
    /// The calling area of an SVSM, zero.
    SvsmCallingArea,
    /// One page with the hashes of kernel, initrd and command line, or zero.
    KernelHashes,
}

pub(super) fn parse(image: &Image<'_>) -> Result<SevMetadata, FirmwareError> {
    let ap_eip = image.table.number(Structure::SevResetBlock)?;
    if ap_eip == 0 {
        return Err(FirmwareError::ZeroApEip);
    }
    let hash_table = match image.table.find(Structure::SevHashTable)? {
        // Zero stands for: not supported.
        Some(_) => Some(image.table.number(Structure::SevHashTable)?).filter(|address| *address != 0),
        None => None,
    };
    let sections = rows(image, WHAT, *b"ASEV")?
        .into_iter()
        .enumerate()
        .map(|(index, [address, length, kind])| section(index, address, length, kind))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(address) = overlap(sections.iter().map(|section| section.pages)) {
        return Err(FirmwareError::Overlap { what: WHAT, address });
    }
    Ok(SevMetadata { ap_eip, hash_table, sections })
}

fn section(index: usize, address: u32, length: u32, kind: u32) -> Result<SevSection, FirmwareError> {
    let kind = match kind {
        1 => SevSectionKind::Memory,
        2 => SevSectionKind::Secrets,
        3 => SevSectionKind::Cpuid,
        4 => SevSectionKind::SvsmCallingArea,
        0x10 => SevSectionKind::KernelHashes,
        _ => return Err(FirmwareError::SectionType { what: WHAT, index, kind }),
    };
    let one_page =
        matches!(kind, SevSectionKind::Secrets | SevSectionKind::Cpuid | SevSectionKind::KernelHashes);
    let (address, length) = (u64::from(address), u64::from(length));
    let pages = Pages::new(address, length)
        .filter(|_| !one_page || length == PAGE_LENGTH as u64)
        .ok_or(FirmwareError::Pages { what: WHAT, index, address, length })?;
    Ok(SevSection { kind, pages })
}
