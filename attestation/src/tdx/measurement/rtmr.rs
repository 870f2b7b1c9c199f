//! The run-time measurement registers.
//!
//! edk2 measures as the UEFI Specification 2.10, chapter 38 ("Confidential Computing"), and the TCG PC Client Platform
//! Firmware Profile say, with SHA-384.

use sha2::{Digest, Sha384};

use super::{KernelError, kernel};
use crate::{
    firmware::{FirmwareError, Image, TdvfContent, TdvfSectionKind},
    guid::guid,
};

/// `EFI_GLOBAL_VARIABLE`.
const GLOBAL_VARIABLE: [u8; 16] = guid(0x8be4df61_93ca_11d2_aa0d_00e098032b8c);
/// `EFI_IMAGE_SECURITY_DATABASE_GUID`.
const SECURITY_DATABASE: [u8; 16] = guid(0xd719b2cb_3d3a_4596_a3bc_dad00e67656f);
/// The variables that say how secure boot is set up, in the order in which they are measured.
const SECURE_BOOT_VARIABLES: [([u8; 16], &str); 5] = [
    (GLOBAL_VARIABLE, "SecureBoot"),
    (GLOBAL_VARIABLE, "PK"),
    (GLOBAL_VARIABLE, "KEK"),
    (SECURITY_DATABASE, "db"),
    (SECURITY_DATABASE, "dbx"),
];
/// The firmware volume and the file in it that OVMF offers as its own boot option.
const FIRMWARE_VOLUME: [u8; 16] = guid(0x7cb8bdc9_f8eb_4f34_aaea_3ee4af6516a1);
const USER_INTERFACE: [u8; 16] = guid(0x462caa21_7614_4503_836e_8ab6f4662331);
/// `EV_SEPARATOR`: the end of what the firmware does on its own.
const SEPARATOR: [u8; 4] = [0; 4];
/// The `BootOrder` of a firmware with one boot option.
const BOOT_ORDER: [u8; 2] = [0; 2];

/// RTMR3 of a TD in which no program extends it.
pub const RTMR3: [u8; 48] = [0; 48];

/// The files in which QEMU passes ACPI tables to the firmware, by their names in `fw_cfg`.
#[derive(Clone, Copy, Debug)]
pub struct AcpiFiles<'a> {
    /// `etc/table-loader`.
    pub loader: &'a [u8],
    /// `etc/acpi/rsdp`.
    pub rsdp: &'a [u8],
    /// `etc/acpi/tables`.
    pub tables: &'a [u8],
}

/// Why RTMR0 cannot be computed.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum VariablesError {
    /// The image is not as it must be.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// The image has no volume of variables, or two.
    #[error(
        "the image's TDX metadata names {count} configuration volumes (CFV), and the firmware measures exactly one"
    )]
    Volumes {
        /// How many.
        count: usize,
    },
}

/// RTMR0 of a TD without any boot option or secure boot key of its own.
///
/// The firmware has to check the hypervisor's hand-off blocks instead of measuring them. The ACPI tables depend on the
/// version of QEMU, on the devices and on the number of vCPUs, and so does RTMR0.
///
/// # Errors
/// If the image does not say which of its parts holds the variables.
pub fn rtmr0(image: &Image<'_>, acpi: &AcpiFiles<'_>) -> Result<[u8; 48], VariablesError> {
    let mut register = Register::default();
    register.event(variables(image)?);
    for (vendor, name) in SECURE_BOOT_VARIABLES {
        register.event(&empty_variable(vendor, name));
    }
    register.event(&SEPARATOR);
    for file in [acpi.loader, acpi.rsdp, acpi.tables] {
        register.event(file);
    }
    register.event(&BOOT_ORDER);
    register.event(&boot_option());
    Ok(register.0)
}

/// RTMR1 of a TD that boots this kernel with an initrd of this length.
///
/// QEMU writes `initrd_address`, the guest address of the initrd, into the kernel before the firmware measures it.
///
/// # Errors
/// If the kernel is no bzImage that starts from UEFI, or the initrd has 4 GiB or more.
pub fn rtmr1(kernel: &[u8], initrd_address: u32, initrd_length: usize) -> Result<[u8; 48], KernelError> {
    let mut register = Register::default();
    register.extend(&kernel::digest(kernel, initrd_address, initrd_length)?);
    register.event(b"Calling EFI Application from Boot Option");
    register.event(&SEPARATOR);
    register.event(b"Exit Boot Services Invocation");
    register.event(b"Exit Boot Services Returned with Success");
    Ok(register.0)
}

/// RTMR2 of a TD whose kernel gets this command line and this initrd.
#[must_use]
pub fn rtmr2(command_line: &str, initrd: &[u8]) -> [u8; 48] {
    let mut register = Register::default();
    // OVMF tells the kernel by this option where it finds the initrd.
    register.event(&utf16(&format!("{command_line} initrd=initrd\0")));
    register.event(initrd);
    register.0
}

struct Register([u8; 48]);

impl Default for Register {
    fn default() -> Self {
        Self([0; 48])
    }
}

impl Register {
    fn extend(&mut self, digest: &[u8; 48]) {
        self.0 = Sha384::new().chain_update(self.0).chain_update(digest).finalize().into();
    }

    fn event(&mut self, data: &[u8]) {
        self.extend(&Sha384::digest(data).into());
    }
}

/// The volume that holds the firmware's variables at the start.
fn variables<'a>(image: &Image<'a>) -> Result<&'a [u8], VariablesError> {
    let sections = image.tdvf()?;
    let volumes: Vec<_> = sections
        .iter()
        .filter(|section| section.kind == TdvfSectionKind::ConfigurationVolume)
        .filter_map(|section| match section.content {
            TdvfContent::Extended(content) | TdvfContent::Added(content) => Some(content),
            TdvfContent::Hypervisor => None,
        })
        .collect();
    match volumes.as_slice() {
        [one] => Ok(one),
        several => Err(VariablesError::Volumes { count: several.len() }),
    }
}

/// `UEFI_VARIABLE_DATA` of a variable that does not exist.
fn empty_variable(vendor: [u8; 16], name: &str) -> Vec<u8> {
    let units = name.encode_utf16().count() as u64;
    [&vendor[..], &units.to_le_bytes(), &0_u64.to_le_bytes(), &utf16(name)].concat()
}

/// `EFI_LOAD_OPTION` of the firmware's own menu, the value of `Boot0000`.
fn boot_option() -> Vec<u8> {
    /// `LOAD_OPTION_ACTIVE`, `LOAD_OPTION_HIDDEN`, `LOAD_OPTION_CATEGORY_APP`.
    const ATTRIBUTES: u32 = 0x109;
    /// Type, subtype and length of nodes of a device path.
    const VOLUME: [u8; 4] = [4, 7, 20, 0];
    const FILE: [u8; 4] = [4, 6, 20, 0];
    const END: [u8; 4] = [0x7F, 0xFF, 4, 0];
    const PATH_LENGTH: u16 = 20 + 20 + 4;
    [
        &ATTRIBUTES.to_le_bytes()[..],
        &PATH_LENGTH.to_le_bytes(),
        &utf16("UiApp\0"),
        &VOLUME,
        &FIRMWARE_VOLUME,
        &FILE,
        &USER_INTERFACE,
        &END,
    ]
    .concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(data: &[u8]) -> String {
        hex::encode(Sha384::digest(data))
    }

    /// From event logs of real TDs that were published (`EV_EFI_VARIABLE_DRIVER_CONFIG`, `EV_EFI_VARIABLE_BOOT`).
    #[test]
    fn events_are_those_in_the_logs_of_real_tds() {
        let secure_boot = [
            "9dc3a1f80bcec915391dcda5ffbb15e7419f77eab462bbf72b42166fb70d50325e37b36f93537a863769bcf9bedae6fb",
            "6f2e3cbc14f9def86980f5f66fd85e99d63e69a73014ed8a5633ce56eca5b64b692108c56110e22acadcef58c3250f1b",
            "d607c0efb41c0d757d69bca0615c3a9ac0b1db06c557d992e906c6b7dee40e0e031640c7bfd7bcd35844ef9edeadc6f9",
            "08a74f8963b337acb6c93682f934496373679dd26af1089cb4eaf0c30cf260a12e814856385ab8843e56a9acea19e127",
            "18cc6e01f0c6ea99aa23f8a280423e94ad81d96d0aeb5180504fc0f7a40cb3619dd39bd6a95ec1680a86ed6ab0f9828d",
        ];
        for ((vendor, name), expected) in SECURE_BOOT_VARIABLES.into_iter().zip(secure_boot) {
            assert_eq!(digest(&empty_variable(vendor, name)), expected, "{name}");
        }
        assert_eq!(
            digest(&boot_option()),
            "23ada07f5261f12f34a0bd8e46760962d6b4d576a416f1fea1c64bc656b1d28eacf7047ae6e967c58fd2a98bfa74c298"
        );
        assert_eq!(
            digest(&BOOT_ORDER),
            "1dd6f7b457ad880d840d41c961283bab688e94e4b59359ea45686581e90feccea3c624b1226113f824f315eb60ae0a7c"
        );
        assert_eq!(
            digest(&SEPARATOR),
            "394341b7182cd227c5c6b07ef8000cdfd86136c4292b8e576573ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f0"
        );
    }
}
