//! What a manifest entry allows.

use super::{GuestPolicy, PlatformInfo, Product, TcbParts};
use crate::HostDataSet;

/// One entry of `ReferenceValues.snp` or `ReferenceValues.simulated`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferenceValues {
    /// The product line; decides the root key and the layout of TCB versions.
    pub product: Product,
    /// Launch digest. With [`ReferenceValues::ap_eip`]: that of a guest with one vCPU.
    pub measurement: [u8; 48],
    /// Address at which application processors start, from the firmware. If set, the launch digests of
    /// guests with 1 to 220 vCPUs are derived from the measurement, and each is allowed.
    pub ap_eip: Option<u32>,
    /// Every part of the launch, committed and reported TCB version must be at least this.
    pub minimum_tcb: TcbParts,
    /// The guest may be launched with this policy, or a stricter one.
    pub guest_policy: GuestPolicy,
    /// How the host may be configured. Not checked if `None`, apart from undefined bits.
    pub platform_info: Option<PlatformInfo>,
    /// Bits that must be set in the launch and the current mitigation vector.
    pub minimum_mitigation_vector: u64,
    /// Chips that the guest may run on; any chip if empty.
    pub allowed_chip_ids: Vec<[u8; 64]>,
    /// Host data must be one of these; an empty set allows none.
    pub allowed_host_data: HostDataSet,
}
