//! The digest that grows with every page of a guest.

use sha2::{Digest, Sha384};

use crate::firmware::PAGE_LENGTH;

/// Length of `PAGE_INFO`.
const PAGE_INFO_LENGTH: u16 = 0x70;
/// Guest address that KVM reports for every state page.
const VMSA_ADDRESS: u64 = 0xFFFF_FFFF_F000;

/// `PAGE_INFO.PAGE_TYPE`, as far as QEMU uses it.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum PageType {
    /// Its contents are measured.
    Normal = 1,
    /// State of a vCPU.
    Vmsa = 2,
    /// Filled with zeros.
    Zero = 3,
    /// Filled by the processor.
    Secrets = 5,
    /// Filled by the hypervisor and checked by the processor.
    Cpuid = 6,
}

/// SHA-384 of a page of type [`PageType::Normal`] or [`PageType::Vmsa`]. Zero for those of other types.
pub(super) type Contents = [u8; 48];

pub(super) const NOT_MEASURED: Contents = [0; 48];

pub(super) fn contents(page: &[u8]) -> Contents {
    Sha384::digest(page).into()
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LaunchDigest([u8; 48]);

impl LaunchDigest {
    /// That of a guest without any page.
    pub(super) fn new() -> Self {
        Self([0; 48])
    }

    /// One that is to grow further.
    pub(super) fn resume(bytes: [u8; 48]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(self) -> [u8; 48] {
        self.0
    }

    /// Adds one page at a guest address.
    pub(super) fn add(&mut self, page_type: PageType, address: u64, contents: &Contents) {
        self.0 = Sha384::new()
            .chain_update(self.0)
            .chain_update(contents)
            .chain_update(PAGE_INFO_LENGTH.to_le_bytes())
            .chain_update([page_type as u8])
            // No initial migration image, no rights for VMPL 1 to 3, one reserved byte.
            .chain_update([0; 5])
            .chain_update(address.to_le_bytes())
            .finalize()
            .into();
    }

    /// Adds the state page of a vCPU.
    pub(super) fn add_vcpu(&mut self, contents: &Contents) {
        self.add(PageType::Vmsa, VMSA_ADDRESS, contents);
    }

    /// Adds whole pages with what they hold, from a guest address on.
    pub(super) fn add_memory(&mut self, address: u64, memory: &[u8]) {
        for (address, page) in (address..).step_by(PAGE_LENGTH).zip(memory.chunks(PAGE_LENGTH)) {
            self.add(PageType::Normal, address, &contents(page));
        }
    }
}
