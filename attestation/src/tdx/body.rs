//! What a quote says about a trust domain (TD).

use crate::cursor::{Cursor, Ended};

/// `sgx_report2_body_t` of TDX 1.0, 584 bytes, with the fields that TDX 1.5 adds to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TdReport {
    /// `TEE_TCB_SVN`: SVNs of the TDX module and of what it runs on, when the TD was launched.
    pub tee_tcb_svn: [u8; 16],
    /// `MRSEAM`, the measurement of the TDX module.
    pub mr_seam: [u8; 48],
    /// `MRSIGNERSEAM`, who signed the TDX module; zero stands for Intel.
    pub mr_signer_seam: [u8; 48],
    /// `SEAMATTRIBUTES`.
    pub seam_attributes: [u8; 8],
    /// `TDATTRIBUTES`, a little endian number.
    pub td_attributes: [u8; 8],
    /// `XFAM`, the extended features of the TD, a little endian number.
    pub xfam: [u8; 8],
    /// `MRTD`, the launch measurement.
    pub mr_td: [u8; 48],
    /// `MRCONFIGID`, which the host declares at launch: here 32 bytes of host data, then zeros.
    pub mr_config_id: [u8; 48],
    /// `MROWNER`.
    pub mr_owner: [u8; 48],
    /// `MROWNERCONFIG`.
    pub mr_owner_config: [u8; 48],
    /// `RTMR0` to `RTMR3`, measurements that the TD extends while it runs.
    pub rtmrs: [[u8; 48]; 4],
    /// `REPORTDATA`.
    pub report_data: [u8; 64],
    /// What TDX 1.5 adds; a quote of version 4 never has it.
    pub tdx_1_5: Option<Tdx15Fields>,
}

/// The fields that a TDX 1.5 body has at its end, 64 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tdx15Fields {
    /// `TEE_TCB_SVN_2`: the same as `TEE_TCB_SVN`, but when the quote was made.
    pub tee_tcb_svn_2: [u8; 16],
    /// `MRSERVICETD`, the measurement of a service TD that has power over this one; zero: none.
    pub mr_service_td: [u8; 48],
}

impl TdReport {
    /// Length of a TDX 1.0 body in bytes.
    pub const LEN: usize = 584;
    /// Length of a TDX 1.5 body in bytes.
    pub const LEN_1_5: usize = 648;

    pub(super) fn read(cursor: &mut Cursor<'_>, has_tdx_1_5: bool) -> Result<Self, Ended> {
        Ok(Self {
            tee_tcb_svn: cursor.array()?,
            mr_seam: cursor.array()?,
            mr_signer_seam: cursor.array()?,
            seam_attributes: cursor.array()?,
            td_attributes: cursor.array()?,
            xfam: cursor.array()?,
            mr_td: cursor.array()?,
            mr_config_id: cursor.array()?,
            mr_owner: cursor.array()?,
            mr_owner_config: cursor.array()?,
            rtmrs: [cursor.array()?, cursor.array()?, cursor.array()?, cursor.array()?],
            report_data: cursor.array()?,
            tdx_1_5: if has_tdx_1_5 {
                Some(Tdx15Fields { tee_tcb_svn_2: cursor.array()?, mr_service_td: cursor.array()? })
            } else {
                None
            },
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let [rtmr0, rtmr1, rtmr2, rtmr3] = &self.rtmrs;
        let mut bytes = [
            &self.tee_tcb_svn[..],
            &self.mr_seam,
            &self.mr_signer_seam,
            &self.seam_attributes,
            &self.td_attributes,
            &self.xfam,
            &self.mr_td,
            &self.mr_config_id,
            &self.mr_owner,
            &self.mr_owner_config,
            rtmr0,
            rtmr1,
            rtmr2,
            rtmr3,
            &self.report_data,
        ]
        .concat();
        if let Some(added) = &self.tdx_1_5 {
            bytes.extend(added.tee_tcb_svn_2);
            bytes.extend(added.mr_service_td);
        }
        bytes
    }
}
