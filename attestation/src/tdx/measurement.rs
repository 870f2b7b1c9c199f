//! What a TD's registers will hold, from what it is launched with.
//!
//! `MRTD` covers the firmware, before the TD runs ([`mrtd`]). The firmware then measures its variables, ACPI tables and boot
//! options into RTMR0 ([`rtmr0`]), the kernel into RTMR1 ([`rtmr1`]), and the kernel's start-up code measures command line and
//! initrd into RTMR2 ([`rtmr2`]). RTMR3 is left to the TD's programs and stays [`RTMR3`].
//!
//! All of it holds for QEMU, KVM and edk2's OVMF that boots a kernel directly, and for nothing else.

mod authenticode;
mod kernel;
mod mrtd;
mod rtmr;
#[cfg(test)]
mod tests;

pub use authenticode::PeError;
pub use kernel::{DEFAULT_INITRD_ADDRESS, KernelError};
pub use mrtd::mrtd;
pub use rtmr::{AcpiFiles, RTMR3, VariablesError, rtmr0, rtmr1, rtmr2};
