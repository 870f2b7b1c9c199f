//! The table that binds kernel, initrd and command line to the launch digest.
//!
//! QEMU, docs/specs/sev-guest-firmware.rst, "SEV Hash Table": the hypervisor puts hashes of what it was told to boot
//! into a page of the guest, and the firmware boots nothing else.

use sha2::{Digest, Sha256};

use crate::{firmware::PAGE_LENGTH, guid::guid};

const TABLE: [u8; 16] = guid(0x9438d606_4f22_4cc9_b479_a793d411fd21);
const COMMAND_LINE: [u8; 16] = guid(0x97d02dd8_bd20_4c94_aa78_e7714d36ab2a);
const INITRD: [u8; 16] = guid(0x44baf731_3a2f_4bd7_9af1_41e29169781d);
const KERNEL: [u8; 16] = guid(0x4de79437_abd2_427f_b835_d5b172d2045b);

/// GUID, length, SHA-256.
const ENTRY_LENGTH: u16 = 16 + 2 + 32;
/// GUID, length, three entries.
const TABLE_LENGTH: u16 = 16 + 2 + 3 * ENTRY_LENGTH;
/// QEMU fills up to a multiple of 16 bytes.
pub(super) const PADDED_LENGTH: usize = 176;

/// What the firmware boots without looking for a boot loader.
#[derive(Clone, Copy, Debug)]
pub struct DirectBoot<'a> {
    /// The kernel's file (`-kernel`).
    pub kernel: &'a [u8],
    /// The initrd's file (`-initrd`); empty if there is none.
    pub initrd: &'a [u8],
    /// The kernel's command line (`-append`), without a NUL at its end; empty if there is none.
    pub command_line: &'a str,
}

impl DirectBoot<'_> {
    /// The page that holds the table from `offset` on. `None` if it has no room there.
    pub(super) fn page(&self, offset: usize) -> Option<Vec<u8>> {
        let mut page = vec![0; offset];
        page.extend_from_slice(&TABLE);
        page.extend_from_slice(&TABLE_LENGTH.to_le_bytes());
        let command_line = Sha256::new().chain_update(self.command_line).chain_update([0]);
        for (guid, hash) in [
            (COMMAND_LINE, command_line.finalize()),
            (INITRD, Sha256::digest(self.initrd)),
            (KERNEL, Sha256::digest(self.kernel)),
        ] {
            page.extend_from_slice(&guid);
            page.extend_from_slice(&ENTRY_LENGTH.to_le_bytes());
            page.extend_from_slice(&hash);
        }
        (offset.checked_add(PADDED_LENGTH)? <= PAGE_LENGTH).then(|| {
            page.resize(PAGE_LENGTH, 0);
            page
        })
    }
}
