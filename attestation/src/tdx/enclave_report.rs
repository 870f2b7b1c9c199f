//! The report of the quoting enclave (QE), which vouches for the key that signs quotes.

use crate::cursor::{Cursor, Ended};

/// `sgx_report_body_t` of Intel's "SGX ECDSA Quote Library Reference", 384 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnclaveReport {
    /// `CPUSVN`.
    pub cpu_svn: [u8; 16],
    /// `MISCSELECT`.
    pub misc_select: u32,
    /// Reserved.
    pub reserved1: [u8; 28],
    /// `ATTRIBUTES`.
    pub attributes: [u8; 16],
    /// `MRENCLAVE`, the measurement of the enclave.
    pub mr_enclave: [u8; 32],
    /// Reserved.
    pub reserved2: [u8; 32],
    /// `MRSIGNER`, the hash of the key that signed the enclave.
    pub mr_signer: [u8; 32],
    /// Reserved.
    pub reserved3: [u8; 96],
    /// `ISVPRODID`.
    pub isv_prod_id: u16,
    /// `ISVSVN`.
    pub isv_svn: u16,
    /// Reserved.
    pub reserved4: [u8; 60],
    /// `REPORTDATA`: SHA-256 of the attestation key and the QE's authentication data, then zeros.
    pub report_data: [u8; 64],
}

impl EnclaveReport {
    /// Length in bytes.
    pub const LEN: usize = 384;

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Ended> {
        Ok(Self {
            cpu_svn: cursor.array()?,
            misc_select: cursor.u32()?,
            reserved1: cursor.array()?,
            attributes: cursor.array()?,
            mr_enclave: cursor.array()?,
            reserved2: cursor.array()?,
            mr_signer: cursor.array()?,
            reserved3: cursor.array()?,
            isv_prod_id: cursor.u16()?,
            isv_svn: cursor.u16()?,
            reserved4: cursor.array()?,
            report_data: cursor.array()?,
        })
    }

    /// The bytes that the PCK signs.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [
            &self.cpu_svn[..],
            &self.misc_select.to_le_bytes(),
            &self.reserved1,
            &self.attributes,
            &self.mr_enclave,
            &self.reserved2,
            &self.mr_signer,
            &self.reserved3,
            &self.isv_prod_id.to_le_bytes(),
            &self.isv_svn.to_le_bytes(),
            &self.reserved4,
            &self.report_data,
        ]
        .concat()
    }
}
