//! `MRTD`: the pages that a TD starts with.

use sha2::{Digest, Sha384};

use crate::firmware::{FirmwareError, Image, PAGE_LENGTH, TdvfContent};

/// Length of what one `TDH.MR.EXTEND` measures.
const CHUNK: usize = 256;

/// The `MRTD` of a TD that starts with this image.
///
/// Intel TDX Module Base Architecture Specification, "Measurement and attestation", and ABI specification,
/// `TDH.MEM.PAGE.ADD` and `TDH.MR.EXTEND`: SHA-384 over a record of 128 bytes for each page and each measured part of a
/// page. The order of records is left to the hypervisor. This is QEMU's and KVM's: sections in the order of the metadata,
/// pages ascending, and the 16 parts of a page at once after it was added.
///
/// # Errors
/// If the image has no metadata for TDX, or metadata that cannot be followed.
pub fn mrtd(image: &Image<'_>) -> Result<[u8; 48], FirmwareError> {
    let mut register = Sha384::new();
    for section in image.tdvf()? {
        let measured = match section.content {
            TdvfContent::Extended(content) => content,
            TdvfContent::Added(_) | TdvfContent::Hypervisor => &[],
        };
        let mut measured = measured.chunks(PAGE_LENGTH);
        for address in section.pages.each() {
            register.update(record(b"MEM.PAGE.ADD", address));
            let page = measured.next().unwrap_or_default();
            for (address, chunk) in (address..).step_by(CHUNK).zip(page.chunks(CHUNK)) {
                register.update(record(b"MR.EXTEND", address));
                register.update(chunk);
            }
        }
    }
    Ok(register.finalize().into())
}

/// Name of the operation in 16 bytes, guest address, zeros.
fn record(operation: &[u8], address: u64) -> [u8; 128] {
    let mut record = [0; 128];
    let fields = operation.iter().copied().chain(std::iter::repeat(0)).take(16).chain(address.to_le_bytes());
    record.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    record
}
