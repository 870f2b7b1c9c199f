use proptest::prelude::*;

use super::*;
use crate::firmware::{
    FirmwareError, Image, Structure,
    testing::{Firmware, kernel},
};

const ACPI: AcpiFiles<'_> = AcpiFiles { loader: b"loader", rsdp: b"rsdp", tables: b"tables" };

/// Values that a separate program computed from the text of the specifications, with the Authenticode digest of
/// osslsigncode 2.9.
#[test]
fn registers_are_those_of_an_independent_computation() {
    let bytes = Firmware::example().build();
    let image = Image::parse(&bytes).unwrap();
    for (register, expected) in [
        (
            mrtd(&image).unwrap(),
            "994db3c8605dd15b464595e0532cb4dd794b086c93bdb08776ca0abf0cc89e1acd644c0ac91d2073a8fde6fd104336fd",
        ),
        (
            rtmr0(&image, &ACPI).unwrap(),
            "bdad18f93b60c37aee25940e4c7594768c6254520dd6f14f82e92f35559eaecb8ace07f0d1bfbd5a23f0f5d97e02eb67",
        ),
        (
            rtmr1(&kernel(), DEFAULT_INITRD_ADDRESS, b"initrd".len()).unwrap(),
            "f55fb52dec6d5792d62be59f14a30aa5c024d19d7a6ccc736f0992da39a5edf15c208b0970cc9782165686012ebecd9a",
        ),
        (
            rtmr2("quiet", b"initrd"),
            "bef5355395bde66256accbcc916f56ba08794dfb47f038f1064369d14bb934398048b82ed2d3cb7f92b02f4a20272ccc",
        ),
    ] {
        assert_eq!(hex::encode(register), expected);
    }
}

#[test]
fn rtmr0_needs_exactly_one_volume_of_variables() {
    let mut firmware = Firmware::example();
    let rows = firmware.tdvf.as_mut().unwrap();
    let volume = rows.remove(1);
    let outcome = |firmware: &Firmware| rtmr0(&Image::parse(&firmware.build()).unwrap(), &ACPI);
    assert_eq!(outcome(&firmware), Err(VariablesError::Volumes { count: 0 }));
    let second = (volume.0, volume.1, 0x0090_0000, volume.3, volume.4, volume.5);
    firmware.tdvf = Some(vec![volume, second]);
    assert_eq!(outcome(&firmware), Err(VariablesError::Volumes { count: 2 }));
    firmware.tdvf = None;
    let missing = FirmwareError::Missing { what: Structure::TdvfMetadata };
    assert_eq!(outcome(&firmware), Err(VariablesError::Firmware(missing)));
}

#[test]
fn each_acpi_file_has_its_place() {
    let bytes = Firmware::example().build();
    let image = Image::parse(&bytes).unwrap();
    let swapped = AcpiFiles { loader: ACPI.rsdp, rsdp: ACPI.loader, ..ACPI };
    assert_ne!(rtmr0(&image, &swapped), rtmr0(&image, &ACPI));
}

#[test]
fn what_qemu_writes_into_the_kernel_is_measured_instead_of_what_was_there() {
    let expected = rtmr1(&kernel(), 0x7000_0000, 5).unwrap();
    let mut dirty = kernel();
    for range in [0x210..0x211, 0x218..0x220, 0x224..0x226, 0x228..0x22C] {
        dirty[range].fill(0x55);
    }
    dirty[0x211] |= 0x80;
    assert_eq!(rtmr1(&dirty, 0x7000_0000, 5), Ok(expected));
    assert_ne!(rtmr1(&kernel(), 0x7000_1000, 5), Ok(expected));
    assert_ne!(rtmr1(&kernel(), 0x7000_0000, 6), Ok(expected));
    dirty[0x22C] ^= 1;
    assert_ne!(rtmr1(&dirty, 0x7000_0000, 5), Ok(expected));
}

#[test]
fn a_kernel_that_qemu_or_uefi_would_not_boot_is_refused() {
    let with = |offset: usize, byte| {
        let mut file = kernel();
        file[offset] = byte;
        rtmr1(&file, 0, 0)
    };
    assert_eq!(with(0x202, b'X'), Err(KernelError::NoHeader));
    assert_eq!(rtmr1(&kernel()[..0x22B], 0, 0), Err(KernelError::NoHeader));
    assert_eq!(with(0x207, 1), Err(KernelError::Old { version: 0x010F }));
    assert_eq!(with(0x211, 0), Err(KernelError::Old { version: 0x020F }));
    assert_eq!(with(0x40, 0), Err(KernelError::Pe(PeError::NotPe)));
    let length = 1 << 32;
    assert_eq!(rtmr1(&kernel(), 0, length), Err(KernelError::InitrdLength { length }));
}

proptest! {
    #[test]
    fn no_kernel_makes_measuring_panic(
        changes in prop::collection::vec((0..0x260_usize, any::<u8>()), 0..6),
        length in 0..=0xC20_usize,
    ) {
        let mut file = kernel();
        for (offset, byte) in changes {
            file[offset] = byte;
        }
        let _ = (rtmr1(&file, 0, 0), rtmr1(&file[..length], 0, 0));
    }
}
