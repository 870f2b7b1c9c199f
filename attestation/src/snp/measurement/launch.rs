//! The launch of a guest with QEMU and KVM, page by page.

use super::{
    DirectBoot,
    digest::{self, LaunchDigest, NOT_MEASURED, PageType},
    vcpu_variants,
};
use crate::{
    firmware::{FirmwareError, Image, PAGE_LENGTH, Pages, SevMetadata, SevSectionKind},
    snp::{Product, vmsa},
};

/// Where the first vCPU starts: the processor's reset vector.
const RESET_VECTOR: u32 = 0xFFFF_FFF0;

/// Launch digests of guests with the same firmware and the same kernel on processors of one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launch {
    /// Launch digest of a guest with one vCPU.
    pub one_vcpu: [u8; 48],
    /// Guest address at which application processors start.
    pub ap_eip: u32,
    /// The line that the vCPUs' type belongs to.
    pub product: Product,
}

/// Why a launch cannot be measured.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LaunchError {
    /// The image is not as it must be.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// The firmware would boot any kernel.
    #[error("the firmware does not check hashes of a kernel, so the launch digest cannot depend on one")]
    NoKernelHashes,
    /// The firmware looks for the hashes where none can be.
    #[error(
        "the firmware looks for the kernel's hashes at {address:#x}, and its page for them has no room there"
    )]
    HashTablePlace {
        /// Guest address.
        address: u32,
    },
}

impl Launch {
    /// Measures what QEMU and KVM do: the image's pages, then the sections of its SEV metadata in their order, then the
    /// vCPUs' state.
    ///
    /// Without `boot`, the firmware has to be one that loads its kernel in another way, which the digest then says
    /// nothing about.
    ///
    /// # Errors
    /// If the image does not say what is needed, or does not check the kernel that `boot` names.
    pub fn measure(
        image: &Image<'_>,
        boot: Option<&DirectBoot<'_>>,
        product: Product,
    ) -> Result<Self, LaunchError> {
        let metadata = image.sev()?;
        let mut hashes = boot.map(|boot| hashes_page(&metadata, boot)).transpose()?;
        let mut digest = LaunchDigest::new();
        digest.add_memory(image.address(), image.bytes());
        for section in &metadata.sections {
            match section.kind {
                SevSectionKind::Memory | SevSectionKind::SvsmCallingArea => {
                    add_each(&mut digest, PageType::Zero, section.pages);
                }
                SevSectionKind::Secrets => add_each(&mut digest, PageType::Secrets, section.pages),
                SevSectionKind::Cpuid => add_each(&mut digest, PageType::Cpuid, section.pages),
                SevSectionKind::KernelHashes => match hashes.take_if(|(at, _)| *at == section.pages) {
                    Some((at, page)) => digest.add_memory(at.address(), &page),
                    None => add_each(&mut digest, PageType::Zero, section.pages),
                },
            }
        }
        digest.add_vcpu(&digest::contents(&vmsa::page(RESET_VECTOR, product)));
        Ok(Self { one_vcpu: digest.bytes(), ap_eip: metadata.ap_eip, product })
    }

    /// The launch digest of a guest with this number of vCPUs; `None` unless it is 1 to 220.
    #[must_use]
    pub fn digest(&self, vcpus: usize) -> Option<[u8; 48]> {
        let variants = vcpu_variants(self.one_vcpu, self.ap_eip, self.product);
        variants.get(vcpus.checked_sub(1)?).copied()
    }
}

/// Adds pages whose contents are not measured.
fn add_each(digest: &mut LaunchDigest, page_type: PageType, pages: Pages) {
    for address in pages.each() {
        digest.add(page_type, address, &NOT_MEASURED);
    }
}

/// The page with the hashes, and where it goes: to the section in which the firmware looks for them.
fn hashes_page(metadata: &SevMetadata, boot: &DirectBoot<'_>) -> Result<(Pages, Vec<u8>), LaunchError> {
    let address = metadata.hash_table.ok_or(LaunchError::NoKernelHashes)?;
    let mut sections =
        metadata.sections.iter().filter(|section| section.kind == SevSectionKind::KernelHashes).peekable();
    sections.peek().ok_or(LaunchError::NoKernelHashes)?;
    let misplaced = LaunchError::HashTablePlace { address };
    let (pages, offset) = sections
        .find_map(|section| {
            let offset = u64::from(address).checked_sub(section.pages.address())?;
            let offset = usize::try_from(offset).ok().filter(|offset| *offset < PAGE_LENGTH)?;
            Some((section.pages, offset))
        })
        .ok_or(misplaced)?;
    Ok((pages, boot.page(offset).ok_or(misplaced)?))
}
