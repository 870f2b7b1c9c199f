//! What a manifest entry allows.

use crate::HostDataSet;

/// One entry of `ReferenceValues.tdx`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferenceValues {
    /// `MRTD`, the launch measurement.
    pub mr_td: [u8; 48],
    /// `MRSEAM`, the measurement of the TDX module.
    pub mr_seam: [u8; 48],
    /// `RTMR0` to `RTMR3`.
    pub rtmrs: [[u8; 48]; 4],
    /// `XFAM`, little endian. Bits 11 and 12 (control-flow enforcement) may differ: they only protect the guest.
    pub xfam: [u8; 8],
    /// Lowest TCB evaluation data number of the collateral; any if `None`.
    pub minimum_tcb_evaluation_data_number: Option<u32>,
    /// Platform instances that the TD may run on; any if empty.
    pub allowed_piids: Vec<[u8; 16]>,
    /// The platform must protect the integrity of its memory cryptographically.
    pub memory_integrity: bool,
    /// Simultaneous multithreading must be off.
    pub smt_disabled: bool,
    /// It must not be possible to add processors to the platform.
    pub static_platform: bool,
    /// Host data, the first 32 bytes of `MRCONFIGID`, must be one of these; an empty set allows none.
    pub allowed_host_data: HostDataSet,
}
