//! Certificates that a host hands to its guests next to a report.
//!
//! "SEV-ES Guest-Hypervisor Communication Block Standardization" (AMD document 56421), "SNP Extended Guest
//! Request": a table of entries of 24 bytes (GUID, offset, length), ended by an entry of zeros, then the data.
//! The host is not trusted: what it hands out is only ever used as a chain up to a pinned root.

use super::Endorsements;

const ENTRY: usize = 24;
/// More than five certificates and a revocation list need.
const MAX_ENTRIES: usize = 64;

const VCEK: [u8; 16] = 0x63da758d_e664_4564_adc5_f4b93be8accd_u128.to_be_bytes();
const VLEK: [u8; 16] = 0xa8074bc2_a25a_483e_aae6_39c045a0b8a1_u128.to_be_bytes();
const ASK: [u8; 16] = 0x4ab7b379_bbac_4fe4_a02f_05aef327c782_u128.to_be_bytes();
const ARK: [u8; 16] = 0xc0b406a4_a803_4952_9743_3fb6014cd0ae_u128.to_be_bytes();
const CRL: [u8; 16] = 0x92f81bc3_5811_4d3d_97ff_d19f88dc67ea_u128.to_be_bytes();

/// Longest table that is read, in bytes: four times what kernels take from a host (`SEV_FW_BLOB_MAX_SIZE`).
const MAX_LENGTH: usize = 64 << 10;

/// Why bytes are not a certificate table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateTableError {
    /// Longer than any.
    #[error(
        "certificate table has {length} bytes, and at most {MAX_LENGTH} are read; have the host offer fewer certificates"
    )]
    TooLong {
        /// Length of what the host handed out.
        length: usize,
    },
    /// The entry of zeros that ends the table is missing.
    #[error(
        "certificate table does not end within its {length} bytes, or has more than {MAX_ENTRIES} entries"
    )]
    NoEnd {
        /// Length of what the host handed out.
        length: usize,
    },
    /// An entry points beyond the data.
    #[error("certificate table points to {length} bytes at {offset}, beyond its end")]
    OutOfBounds {
        /// Where the certificate should start.
        offset: u32,
        /// How long it should be.
        length: u32,
    },
}

/// Reads a certificate table. Certificates with unknown GUIDs are skipped; no bytes at all mean an empty table.
///
/// # Errors
/// If the table does not end, or points beyond its end.
pub fn parse(bytes: &[u8]) -> Result<Endorsements, CertificateTableError> {
    let mut endorsements = Endorsements::default();
    if bytes.is_empty() {
        return Ok(endorsements);
    }
    if bytes.len() > MAX_LENGTH {
        return Err(CertificateTableError::TooLong { length: bytes.len() });
    }
    for entry in bytes.chunks_exact(ENTRY).take(MAX_ENTRIES) {
        let Some((guid, position)) = entry.split_first_chunk::<16>() else { break };
        if entry.iter().all(|byte| *byte == 0) {
            return Ok(endorsements);
        }
        let target = match *guid {
            VCEK => &mut endorsements.vcek,
            VLEK => &mut endorsements.vlek,
            ASK => &mut endorsements.ask,
            ARK => &mut endorsements.ark,
            CRL => &mut endorsements.revocation_list,
            _ => continue,
        };
        *target = data(bytes, position)?.to_vec();
    }
    Err(CertificateTableError::NoEnd { length: bytes.len() })
}

/// What the second part of an entry points to.
fn data<'a>(bytes: &'a [u8], position: &[u8]) -> Result<&'a [u8], CertificateTableError> {
    let number = |start: usize| {
        let bytes = position.get(start..).and_then(|rest| rest.first_chunk::<4>());
        u32::from_le_bytes(bytes.copied().unwrap_or_default())
    };
    let (offset, length) = (number(0), number(4));
    let start = usize::try_from(offset).ok();
    let end = offset.checked_add(length).and_then(|end| usize::try_from(end).ok());
    start
        .zip(end)
        .and_then(|(start, end)| bytes.get(start..end))
        .ok_or(CertificateTableError::OutOfBounds { offset, length })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(guid: [u8; 16], offset: u32, length: u32) -> Vec<u8> {
        [&guid[..], &offset.to_le_bytes(), &length.to_le_bytes()].concat()
    }

    #[test]
    fn certificates_are_found_by_their_guids_and_unknown_ones_are_skipped() {
        let offset = 4 * 24;
        let table = [
            entry(VCEK, offset, 4),
            entry([9; 16], u32::MAX, u32::MAX),
            entry(ASK, offset + 4, 3),
            vec![0; 24],
            b"vcekask".to_vec(),
        ]
        .concat();
        let endorsements = parse(&table).unwrap();
        assert_eq!((endorsements.vcek, endorsements.ask), (b"vcek".to_vec(), b"ask".to_vec()));
        assert!(endorsements.ark.is_empty());
    }

    #[test]
    fn a_table_without_an_end_is_refused() {
        let endless = entry([9; 16], 0, 0).repeat(100);
        assert_eq!(parse(&endless), Err(CertificateTableError::NoEnd { length: 2400 }));
        assert!(parse(&entry(VCEK, 0, 0)).is_err());
        assert!(parse(&[0; 23]).is_err());
        assert_eq!(parse(&[]), Ok(Endorsements::default()));
    }

    #[test]
    fn entries_that_point_outside_are_refused() {
        for (offset, length) in [(0, 49), (48, 1), (u32::MAX, 1), (1, u32::MAX)] {
            let table = [entry(VCEK, offset, length), vec![0; 24]].concat();
            assert_eq!(parse(&table), Err(CertificateTableError::OutOfBounds { offset, length }));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_tables_never_panic(table in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&table);
        }
    }
}
