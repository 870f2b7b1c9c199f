//! OVMF images, as far as measuring a launch needs them.
//!
//! The reset vector of edk2's OvmfPkg ends with a table of structures that are known by their GUIDs. It says where
//! the image keeps what the hypervisor has to know: for SEV-SNP which pages it adds to the guest, where application
//! processors start and where hashes of the kernel go; for TDX the metadata of the TDVF.
//!
//! Each format is parsed by one function, and nothing that these accept makes measuring take long: sections are
//! whole pages below 4 GiB, and no two of them overlap.

mod error;
mod metadata;
mod pages;
mod sev;
mod table;
mod tdvf;
#[cfg(test)]
#[path = "../../tests/support/boot_files.rs"]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use error::{FirmwareError, Structure};
pub use pages::{PAGE_LENGTH, Pages};
pub use sev::{SevMetadata, SevSection, SevSectionKind};
use table::Table;
pub use tdvf::{TdvfContent, TdvfSection, TdvfSectionKind};

/// Guest address that an image ends at: processors start just below it.
const END: u64 = 1 << 32;

/// Most sections that an image may name for one platform. OVMF names up to 8.
const MAX_SECTIONS: u32 = 64;

/// An OVMF image with its table of GUIDed structures.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    address: u64,
    table: Table<'a>,
}

impl<'a> Image<'a> {
    /// Longest image, in bytes. Those of OVMF have 16 MiB at most.
    pub const MAX_LENGTH: usize = 64 << 20;

    /// Finds the table of an image.
    ///
    /// # Errors
    /// If the image is too long or no whole number of pages, has no table, or the table contradicts itself.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FirmwareError> {
        let length = bytes.len();
        if length > Self::MAX_LENGTH {
            return Err(FirmwareError::TooLong { length });
        }
        let address = u64::try_from(length)
            .ok()
            .filter(|length| *length > 0 && bytes.len().is_multiple_of(PAGE_LENGTH))
            .and_then(|length| END.checked_sub(length))
            .ok_or(FirmwareError::Length { length })?;
        Ok(Self { bytes, address, table: Table::parse(bytes)? })
    }

    /// The whole image.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Guest address of the image's first byte; its end is at 4 GiB.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.address
    }

    /// What the image says about SEV-SNP.
    ///
    /// # Errors
    /// If it says nothing, or what no hypervisor could do.
    pub fn sev(&self) -> Result<SevMetadata, FirmwareError> {
        sev::parse(self)
    }

    /// What the image says about TDX: its sections, in their order.
    ///
    /// # Errors
    /// If it says nothing, or what no hypervisor could do.
    pub fn tdvf(&self) -> Result<Vec<TdvfSection<'a>>, FirmwareError> {
        tdvf::parse(self)
    }

    /// The last `distance` bytes of the image.
    fn last_bytes(&self, distance: u32) -> Option<&'a [u8]> {
        let start = self.bytes.len().checked_sub(distance.try_into().ok()?)?;
        self.bytes.get(start..)
    }
}
