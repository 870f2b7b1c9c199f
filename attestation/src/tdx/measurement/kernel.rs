//! The kernel as the firmware sees it.
//!
//! Linux, Documentation/arch/x86/boot.rst ("The Real-Mode Kernel Header"): QEMU is the boot loader that fills the
//! fields of the header, and the firmware measures what it gets from QEMU.

use super::authenticode::{self, PeError};

/// Where the initrd is, for a QEMU that writes this placeholder instead of the address.
///
/// An unpatched QEMU writes the real address, which depends on the TD's memory and the length of the initrd.
pub const DEFAULT_INITRD_ADDRESS: u32 = 0x8000_0000;

/// Offsets in the file, for fields of the header.
const SIGNATURE: usize = 0x202;
const VERSION: usize = 0x206;
const TYPE_OF_LOADER: usize = 0x210;
const LOAD_FLAGS: usize = 0x211;
const INITRD_ADDRESS: usize = 0x218;
const INITRD_LENGTH: usize = 0x21C;
const HEAP_END: usize = 0x224;
const COMMAND_LINE: usize = 0x228;

/// The first version with `cmd_line_ptr`.
const OLDEST_VERSION: u16 = 0x0202;
const LOADED_HIGH: u8 = 1;
const CAN_USE_HEAP: u8 = 0x80;
/// QEMU.
const LOADER: u8 = 0xB0;
/// Where QEMU puts the command line, 64 KiB after the set-up code at 10000h.
const COMMAND_LINE_ADDRESS: u32 = 0x2_0000;
/// `heap_end_ptr`: up to there, less what the protocol subtracts.
const HEAP_END_VALUE: u16 = 0xFE00;

/// Why a kernel cannot be measured.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum KernelError {
    /// There is no header of the boot protocol.
    #[error("the kernel has no boot protocol header (HdrS at 202h), so it is no bzImage")]
    NoHeader,
    /// QEMU would load it in another way.
    #[error(
        "the kernel has version {version:#06x} of the boot protocol or loads low; a bzImage of version 0x0202 or later is needed"
    )]
    Old {
        /// Major and minor version.
        version: u16,
    },
    /// The header has no room for the length.
    #[error("the initrd has {length} bytes, and the kernel can only be told of less than 4 GiB")]
    InitrdLength {
        /// In bytes.
        length: usize,
    },
    /// It cannot be started by UEFI.
    #[error("the kernel cannot be started by the firmware (CONFIG_EFI_STUB): {0}")]
    Pe(#[from] PeError),
}

/// Authenticode digest of the kernel, as QEMU passes it to the firmware.
pub(super) fn digest(
    kernel: &[u8],
    initrd_address: u32,
    initrd_length: usize,
) -> Result<[u8; 48], KernelError> {
    let initrd_length =
        u32::try_from(initrd_length).map_err(|_| KernelError::InitrdLength { length: initrd_length })?;
    let filled = fill_header(kernel, initrd_address, initrd_length)?;
    Ok(authenticode::digest(&filled)?)
}

fn fill_header(kernel: &[u8], initrd_address: u32, initrd_length: u32) -> Result<Vec<u8>, KernelError> {
    if kernel.get(SIGNATURE..SIGNATURE + 4) != Some(b"HdrS") || kernel.len() < COMMAND_LINE + 4 {
        return Err(KernelError::NoHeader);
    }
    let version = u16::from_le_bytes(field(kernel, VERSION)?);
    let [flags] = field(kernel, LOAD_FLAGS)?;
    if version < OLDEST_VERSION || flags & LOADED_HIGH == 0 {
        return Err(KernelError::Old { version });
    }
    let mut filled = kernel.to_vec();
    for (offset, bytes) in [
        (TYPE_OF_LOADER, &[LOADER][..]),
        (LOAD_FLAGS, &[flags | CAN_USE_HEAP]),
        (INITRD_ADDRESS, &initrd_address.to_le_bytes()),
        (INITRD_LENGTH, &initrd_length.to_le_bytes()),
        (HEAP_END, &HEAP_END_VALUE.to_le_bytes()),
        (COMMAND_LINE, &COMMAND_LINE_ADDRESS.to_le_bytes()),
    ] {
        filled.iter_mut().skip(offset).zip(bytes).for_each(|(to, from)| *to = *from);
    }
    Ok(filled)
}

fn field<const N: usize>(kernel: &[u8], offset: usize) -> Result<[u8; N], KernelError> {
    kernel.get(offset..).and_then(<[u8]>::first_chunk).copied().ok_or(KernelError::NoHeader)
}
