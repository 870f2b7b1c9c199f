use proptest::prelude::*;

use super::{
    testing::{Firmware, SevRow, TdvfRow},
    *,
};

fn sev(change: impl FnOnce(&mut Firmware)) -> Result<SevMetadata, FirmwareError> {
    let mut firmware = Firmware::example();
    change(&mut firmware);
    Image::parse(&firmware.build()).and_then(|image| image.sev())
}

/// The outcome for an image with one section.
fn sev_section(row: SevRow) -> Result<SevMetadata, FirmwareError> {
    sev(|firmware| firmware.sev = Some(vec![row]))
}

fn tdvf_section(row: TdvfRow) -> Option<FirmwareError> {
    let firmware = Firmware { tdvf: Some(vec![row]), ..Firmware::example() };
    Image::parse(&firmware.build()).unwrap().tdvf().err()
}

#[test]
fn everything_that_an_image_says_is_found() {
    let bytes = Firmware::example().build();
    let image = Image::parse(&bytes).unwrap();
    assert_eq!(image.address(), 0xFFFF_D000);
    let sev = image.sev().unwrap();
    assert_eq!((sev.ap_eip, sev.hash_table), (0x0080_B004, Some(0x0080_FC00)));
    let kinds: Vec<_> = sev.sections.iter().map(|section| section.kind).collect();
    use SevSectionKind::*;
    assert_eq!(kinds, [Memory, Secrets, Cpuid, SvsmCallingArea, KernelHashes, Memory]);
    assert_eq!((sev.sections[0].pages.address(), sev.sections[0].pages.length()), (0x0080_0000, 0x9000));
    let tdvf = image.tdvf().unwrap();
    assert_eq!(tdvf[0].kind, TdvfSectionKind::BootVolume);
    assert_eq!(tdvf[0].content, TdvfContent::Extended(&bytes[0x1000..]));
    assert_eq!(tdvf[0].pages.address(), 0xFFFF_E000);
    assert_eq!(tdvf[1].content, TdvfContent::Added(&bytes[..0x1000]));
    assert_eq!(tdvf[3].kind, TdvfSectionKind::HandOffBlocks);
    assert_eq!(tdvf[3].content, TdvfContent::Hypervisor);
}

#[test]
fn a_file_that_is_no_image_is_refused() {
    for length in [0, 1, 4095, 4097] {
        assert_eq!(Image::parse(&vec![0; length]).err(), Some(FirmwareError::Length { length }));
    }
    assert_eq!(Image::parse(&[0; 4096]).err(), Some(FirmwareError::NoTable));
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    let good = Firmware::example().build();
    let footer = good.len() - 32 - 18;
    for length in [0, 17, u16::MAX] {
        let mut image = good.clone();
        image[footer..footer + 2].copy_from_slice(&length.to_le_bytes());
        assert_eq!(Image::parse(&image).err(), Some(FirmwareError::TableLength { length }));
    }
    let entry = footer - 18;
    for length in [0, 17, 200] {
        let mut image = good.clone();
        image[entry..entry + 2].copy_from_slice(&u16::to_le_bytes(length));
        assert_eq!(Image::parse(&image).err(), Some(FirmwareError::EntryLength { length }));
    }
    // The entry before becomes a second one for the start address of application processors.
    let mut image = good.clone();
    let (reset_guid, hashes_guid) = (footer - 16, footer - 18 - 4 - 16);
    image.copy_within(reset_guid..footer, hashes_guid);
    let error = Image::parse(&image).unwrap().sev().err();
    assert_eq!(error, Some(FirmwareError::TwoEntries { what: Structure::SevResetBlock }));
}

#[test]
fn an_image_without_what_is_asked_for_says_so() {
    for (outcome, what) in [
        (sev(|firmware| firmware.ap_eip = None), Structure::SevResetBlock),
        (sev(|firmware| firmware.sev = None), Structure::SevMetadata),
    ] {
        assert_eq!(outcome.err(), Some(FirmwareError::Missing { what }));
    }
    assert_eq!(sev(|firmware| firmware.ap_eip = Some(0)).err(), Some(FirmwareError::ZeroApEip));
    assert_eq!(sev(|firmware| firmware.hash_table = None).unwrap().hash_table, None);
    assert_eq!(sev(|firmware| firmware.hash_table = Some(0)).unwrap().hash_table, None);
    let bytes = Firmware { tdvf: None, ..Firmware::example() }.build();
    let error = Image::parse(&bytes).unwrap().tdvf().err();
    assert_eq!(error, Some(FirmwareError::Missing { what: Structure::TdvfMetadata }));
}

#[test]
fn metadata_that_is_cut_or_of_another_version_is_refused() {
    let good = Firmware::example().build();
    let metadata = good.len() - 0x400;
    let what = Structure::SevMetadata;
    for (offset, word, error) in [
        (0, 0_u32, FirmwareError::Cut { what }),           // signature
        (4, 15, FirmwareError::Cut { what }),              // less than the header
        (4, 16 + 6 * 12 - 1, FirmwareError::Cut { what }), // less than its rows
        (4, 0x401, FirmwareError::Cut { what }),           // beyond the image
        (8, 2, FirmwareError::Version { what, version: 2 }),
        (12, 64, FirmwareError::Cut { what }), // more rows than bytes
        (12, u32::MAX, FirmwareError::TooManySections { what, count: u32::MAX }),
    ] {
        let mut image = good.clone();
        image[metadata + offset..metadata + offset + 4].copy_from_slice(&word.to_le_bytes());
        assert_eq!(Image::parse(&image).unwrap().sev().err(), Some(error));
    }
    let mut image = good.clone();
    // The distance to the metadata stands before the entry's end: reset block, hash table, then this.
    let distance = good.len() - 32 - 18 - 22 - 26 - 22;
    image[distance..distance + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Image::parse(&image).unwrap().sev().err(), Some(FirmwareError::Cut { what }));
}

#[test]
fn sections_that_no_hypervisor_could_add_are_refused() {
    let what = Structure::SevMetadata;
    let pages = |address, length| Some(FirmwareError::Pages { what, index: 0, address, length });
    assert_eq!(sev_section([0x1000, 0, 1]).err(), pages(0x1000, 0));
    assert_eq!(sev_section([0x1001, 0x1000, 1]).err(), pages(0x1001, 0x1000));
    assert_eq!(sev_section([0xFFFF_F000, 0x2000, 1]).err(), pages(0xFFFF_F000, 0x2000));
    for kind in [2, 3, 0x10] {
        assert_eq!(sev_section([0x1000, 0x2000, kind]).err(), pages(0x1000, 0x2000));
    }
    let unknown = FirmwareError::SectionType { what, index: 0, kind: 5 };
    assert_eq!(sev_section([0x1000, 0x1000, 5]).err(), Some(unknown));
    let twice = sev(|firmware| firmware.sev = Some(vec![[0x2000, 0x1000, 1], [0x1000, 0x2000, 1]]));
    assert_eq!(twice.err(), Some(FirmwareError::Overlap { what, address: 0x2000 }));

    let what = Structure::TdvfMetadata;
    let content = Some(FirmwareError::Content { what, index: 0 });
    assert_eq!(tdvf_section((0x2000, 0x2000, 0, 0x2000, 0, 1)), content); // beyond the image
    assert_eq!(tdvf_section((u32::MAX, 0x1000, 0, 0x1000, 0, 1)), content);
    assert_eq!(tdvf_section((0, 0x1000, 0, 0x2000, 0, 1)), content); // less than its pages
    assert_eq!(tdvf_section((0, 0x1000, 0, 0x1000, 3, 0)), content); // temporary memory has none
    let attributes = |attributes| Some(FirmwareError::Attributes { what, index: 0, attributes });
    assert_eq!(tdvf_section((0, 0, 0, 0x1000, 3, 1)), attributes(1)); // nobody knows its content
    assert_eq!(tdvf_section((0, 0x1000, 0, 0x1000, 0, 3)), attributes(3));
    let kind = FirmwareError::SectionType { what, index: 0, kind: 4 };
    assert_eq!(tdvf_section((0, 0, 0, 0x1000, 4, 2)), Some(kind));
    let pages = FirmwareError::Pages { what, index: 0, address: 1 << 32, length: 0x1000 };
    assert_eq!(tdvf_section((0, 0, 1 << 32, 0x1000, 3, 0)), Some(pages));
}

proptest! {
    /// Whole images of noise hardly ever have a table, so an example is changed in the bytes that are parsed.
    #[test]
    fn no_image_makes_parsing_panic(changes in prop::collection::vec((0..0x900_usize, any::<u8>()), 0..6)) {
        let mut bytes = Firmware::example().build();
        let length = bytes.len();
        for (distance, byte) in changes {
            bytes[length - 1 - distance] = byte;
        }
        if let Ok(image) = Image::parse(&bytes) {
            let _ = (image.sev(), image.tdvf());
        }
    }

    #[test]
    fn no_bytes_make_parsing_panic(bytes: Vec<u8>, pages in 0..3_usize) {
        let mut bytes = bytes;
        bytes.resize(pages * PAGE_LENGTH, 0xA5);
        let _ = Image::parse(&bytes).map(|image| (image.sev().is_ok(), image.tdvf().is_ok()));
    }
}
