//! How measuring fails.

use std::{borrow::Cow, path::PathBuf};

use contrast_attestation::{
    firmware::{FirmwareError, Structure},
    snp::measurement::LaunchError,
    tdx::measurement::{KernelError, VariablesError},
};

use crate::failure::Advice;

/// A file cannot be measured.
#[derive(thiserror::Error, Debug)]
pub(super) enum MeasureError {
    /// The firmware is not as it must be.
    #[error("{} cannot be measured: {source}", path.display())]
    Firmware { path: PathBuf, source: FirmwareError },
    /// The firmware does not do what it must do with a kernel, or is not as it must be.
    #[error("{} cannot be measured: {source}", path.display())]
    Launch { path: PathBuf, source: LaunchError },
    /// The firmware's variables cannot be measured.
    #[error("{} cannot be measured: {source}", path.display())]
    Variables { path: PathBuf, source: VariablesError },
    /// The kernel is not as it must be, or too much is to be written into it.
    #[error("{} cannot be measured: {source}", path.display())]
    Kernel { path: PathBuf, source: KernelError },
}

impl Advice for MeasureError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(
            match self {
                Self::Firmware { source, .. } => firmware(source),
                Self::Launch { source: LaunchError::Firmware(source), .. } => firmware(source),
                Self::Launch { source: LaunchError::NoKernelHashes, .. } => {
                    "give firmware that boots only the kernel whose hashes it gets (edk2's OvmfPkg/AmdSev), or leave \
                     --kernel, --initrd and --append out if the firmware finds its kernel in another way"
                }
                Self::Launch { source: LaunchError::HashTablePlace { .. }, .. } => DAMAGED,
                Self::Variables { source: VariablesError::Firmware(source), .. } => firmware(source),
                Self::Variables { source: VariablesError::Volumes { .. }, .. } => WITHOUT_VARIABLES,
                Self::Kernel { source: KernelError::InitrdLength { .. }, .. } => "give a smaller initrd",
                Self::Kernel { .. } => {
                    "give the bzImage that the kernel's build makes (arch/x86/boot/bzImage, vmlinuz), built with \
                     CONFIG_EFI_STUB"
                }
            }
            .into(),
        )
    }
}

const DAMAGED: &str = "take the image as its build made it; QEMU would not launch this one, or launch it differently than expected";
const WITHOUT_VARIABLES: &str =
    "give the image that holds code and variables (OVMF.fd), as QEMU gets it with -bios";

fn firmware(error: &FirmwareError) -> &'static str {
    match error {
        FirmwareError::NoTable => {
            "give the OVMF image that holds the code, as QEMU gets it with -bios (OVMF.fd), not one with variables alone"
        }
        FirmwareError::Missing { what: Structure::TdvfMetadata } => {
            "give an image that is built for TDX and holds code and variables (OVMF.fd)"
        }
        FirmwareError::Missing { .. } | FirmwareError::ZeroApEip => {
            "give an image that is built for SEV-SNP and holds code and variables (OVMF.fd)"
        }
        _ => DAMAGED,
    }
}
