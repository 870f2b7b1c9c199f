//! The certificates that an untrusted host hands to its guest, next to a report.

use contrast_attestation::snp::{Endorsements, certificate_table::parse};

/// A certificate table: what is accepted lies in the bytes, and is found again in a table that is written from it.
///
/// # Panics
/// If it does not, or is not.
pub fn certificate_table(bytes: &[u8]) {
    if let Ok(endorsements) = parse(bytes) {
        let Endorsements { vcek, vlek, ask, ark, revocation_list } = &endorsements;
        assert!([vcek, vlek, ask, ark, revocation_list].iter().all(|part| part.len() <= bytes.len()));
        assert_eq!(parse(&write_certificate_table(&endorsements)), Ok(endorsements));
    }
}

/// GUIDs of VCEK, VLEK, ASK, ARK and revocation list ("SEV-ES Guest-Hypervisor Communication Block Standardization",
/// AMD document 56421, "SNP Extended Guest Request").
const GUIDS: [u128; 5] = [
    0x63da758d_e664_4564_adc5_f4b93be8accd,
    0xa8074bc2_a25a_483e_aae6_39c045a0b8a1,
    0x4ab7b379_bbac_4fe4_a02f_05aef327c782,
    0xc0b406a4_a803_4952_9743_3fb6014cd0ae,
    0x92f81bc3_5811_4d3d_97ff_d19f88dc67ea,
];
/// GUID, offset and length.
const ENTRY: usize = 16 + 4 + 4;

/// A table as a host writes it: an entry for each part, an entry of zeros, and the parts one after the other.
#[must_use]
pub fn write_certificate_table(endorsements: &Endorsements) -> Vec<u8> {
    let Endorsements { vcek, vlek, ask, ark, revocation_list } = endorsements;
    let (mut table, mut data) = (Vec::new(), Vec::new());
    for (guid, part) in GUIDS.into_iter().zip([vcek, vlek, ask, ark, revocation_list]) {
        table.extend(guid.to_be_bytes());
        table.extend(number((GUIDS.len() + 1) * ENTRY + data.len()));
        table.extend(number(part.len()));
        data.extend(part);
    }
    [table, vec![0; ENTRY], data].concat()
}

/// Tables are far shorter than 4 GiB.
fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}
