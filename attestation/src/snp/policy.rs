//! The two bit fields of a report that a manifest constrains: guest policy and platform info.
//!
//! AMD SEV-SNP ABI specification (document 56860), "Guest Policy" and "PLATFORM_INFO".

const SMT: u64 = 1 << 16;
const ALWAYS_ONE: u64 = 1 << 17;
const MIGRATE_MA: u64 = 1 << 18;
const DEBUG: u64 = 1 << 19;
const SINGLE_SOCKET: u64 = 1 << 20;
const CXL_ALLOW: u64 = 1 << 21;
const MEM_AES_256_XTS: u64 = 1 << 22;
const RAPL_DIS: u64 = 1 << 23;
const CIPHERTEXT_HIDING_DRAM: u64 = 1 << 24;
const PAGE_SWAP_DISABLE: u64 = 1 << 25;

/// What the guest's owner lets the host do, fixed at launch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct GuestPolicy {
    /// Lowest minor version of the firmware ABI that the guest may run on.
    pub abi_minor: u8,
    /// Lowest major version of the firmware ABI that the guest may run on.
    pub abi_major: u8,
    /// The host may have simultaneous multithreading on.
    pub smt: bool,
    /// A migration agent may be associated.
    pub migrate_ma: bool,
    /// The host may debug the guest, which is to read its memory.
    pub debug: bool,
    /// The guest may run on one socket only.
    pub single_socket: bool,
    /// Compute Express Link devices may be populated.
    pub cxl_allowed: bool,
    /// Memory must be encrypted with AES-256-XTS.
    pub mem_aes_256_xts: bool,
    /// Running average power limit must be disabled.
    pub rapl_dis: bool,
    /// Ciphertext hiding in DRAM must be on.
    pub ciphertext_hiding_dram: bool,
    /// Guest pages may not be swapped.
    pub page_swap_disable: bool,
}

/// A guest policy that the specification does not define.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GuestPolicyError {
    /// Bits that have no meaning yet. One of them could give the host a new right.
    #[error("guest policy sets unknown bits {0:#018x}")]
    UnknownBits(u64),
    /// Bit 17 has to be one.
    #[error("guest policy does not set bit 17, which must be one")]
    ReservedOneMissing,
}

impl GuestPolicy {
    /// The flags by their names in the specification, and their bits. The two lowest bytes are no flags, but
    /// `ABI_MINOR` and `ABI_MAJOR`; bit 17 is reserved and always one.
    pub const FLAGS: [(&'static str, u64); 9] = [
        ("SMT", SMT),
        ("MIGRATE_MA", MIGRATE_MA),
        ("DEBUG", DEBUG),
        ("SINGLE_SOCKET", SINGLE_SOCKET),
        ("CXL_ALLOW", CXL_ALLOW),
        ("MEM_AES_256_XTS", MEM_AES_256_XTS),
        ("RAPL_DIS", RAPL_DIS),
        ("CIPHERTEXT_HIDING_DRAM", CIPHERTEXT_HIDING_DRAM),
        ("PAGE_SWAP_DISABLE", PAGE_SWAP_DISABLE),
    ];

    const KNOWN: u64 = 0xFFFF
        | SMT
        | ALWAYS_ONE
        | MIGRATE_MA
        | DEBUG
        | SINGLE_SOCKET
        | CXL_ALLOW
        | MEM_AES_256_XTS
        | RAPL_DIS
        | CIPHERTEXT_HIDING_DRAM
        | PAGE_SWAP_DISABLE;

    /// Reads the 64-bit form.
    ///
    /// # Errors
    /// If a bit is set that is not defined, or bit 17 is not set.
    pub fn from_bits(bits: u64) -> Result<Self, GuestPolicyError> {
        if bits & !Self::KNOWN != 0 {
            return Err(GuestPolicyError::UnknownBits(bits & !Self::KNOWN));
        }
        if bits & ALWAYS_ONE == 0 {
            return Err(GuestPolicyError::ReservedOneMissing);
        }
        let [abi_minor, abi_major, ..] = bits.to_le_bytes();
        let has = |mask| bits & mask != 0;
        Ok(Self {
            abi_minor,
            abi_major,
            smt: has(SMT),
            migrate_ma: has(MIGRATE_MA),
            debug: has(DEBUG),
            single_socket: has(SINGLE_SOCKET),
            cxl_allowed: has(CXL_ALLOW),
            mem_aes_256_xts: has(MEM_AES_256_XTS),
            rapl_dis: has(RAPL_DIS),
            ciphertext_hiding_dram: has(CIPHERTEXT_HIDING_DRAM),
            page_swap_disable: has(PAGE_SWAP_DISABLE),
        })
    }

    /// The 64-bit form, with bit 17 set.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        [
            (self.smt, SMT),
            (self.migrate_ma, MIGRATE_MA),
            (self.debug, DEBUG),
            (self.single_socket, SINGLE_SOCKET),
            (self.cxl_allowed, CXL_ALLOW),
            (self.mem_aes_256_xts, MEM_AES_256_XTS),
            (self.rapl_dis, RAPL_DIS),
            (self.ciphertext_hiding_dram, CIPHERTEXT_HIDING_DRAM),
            (self.page_swap_disable, PAGE_SWAP_DISABLE),
        ]
        .into_iter()
        .filter(|(set, _)| *set)
        .fold(ALWAYS_ONE | u64::from(self.abi_minor) | u64::from(self.abi_major) << 8, |bits, (_, mask)| {
            bits | mask
        })
    }
}

/// How the host is configured, as its firmware sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct PlatformInfo {
    /// Simultaneous multithreading is on.
    pub smt_enabled: bool,
    /// Transparent memory encryption is on.
    pub tsme_enabled: bool,
    /// Memory has error correction.
    pub ecc_enabled: bool,
    /// Running average power limit is disabled.
    pub rapl_disabled: bool,
    /// Ciphertext hiding in DRAM is on.
    pub ciphertext_hiding_dram_enabled: bool,
    /// The check for aliased memory (BadRAM) was made after the last reset and found nothing.
    pub alias_check_complete: bool,
    /// Trusted I/O is on.
    pub tio_enabled: bool,
}

/// Bits of the platform info that the specification does not define, bit 6 among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("platform info sets unknown bits {0:#018x}")]
pub struct UnknownPlatformInfoBits(pub u64);

impl PlatformInfo {
    /// The flags by their names in the specification, and their bits.
    pub const FLAGS: [(&'static str, u64); 7] = [
        ("SMT_EN", 1),
        ("TSME_EN", 1 << 1),
        ("ECC_EN", 1 << 2),
        ("RAPL_DIS", 1 << 3),
        ("CIPHERTEXT_HIDING_DRAM_EN", 1 << 4),
        ("ALIAS_CHECK_COMPLETE", 1 << 5),
        ("TIO_EN", 1 << 7),
    ];

    const KNOWN: u64 = 0b1011_1111;

    /// Reads the 64-bit form.
    ///
    /// # Errors
    /// If a bit is set that is not defined.
    pub fn from_bits(bits: u64) -> Result<Self, UnknownPlatformInfoBits> {
        if bits & !Self::KNOWN != 0 {
            return Err(UnknownPlatformInfoBits(bits & !Self::KNOWN));
        }
        let has = |bit: u32| bits >> bit & 1 == 1;
        Ok(Self {
            smt_enabled: has(0),
            tsme_enabled: has(1),
            ecc_enabled: has(2),
            rapl_disabled: has(3),
            ciphertext_hiding_dram_enabled: has(4),
            alias_check_complete: has(5),
            tio_enabled: has(7),
        })
    }

    /// The 64-bit form.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.smt_enabled)
            | u64::from(self.tsme_enabled) << 1
            | u64::from(self.ecc_enabled) << 2
            | u64::from(self.rapl_disabled) << 3
            | u64::from(self.ciphertext_hiding_dram_enabled) << 4
            | u64::from(self.alias_check_complete) << 5
            | u64::from(self.tio_enabled) << 7
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_guest_policy_with_any_undefined_bit_is_refused() {
        for bit in 26..64 {
            let bits = ALWAYS_ONE | 1 << bit;
            assert_eq!(GuestPolicy::from_bits(bits), Err(GuestPolicyError::UnknownBits(1 << bit)));
        }
        assert_eq!(GuestPolicy::from_bits(0), Err(GuestPolicyError::ReservedOneMissing));
    }

    #[test]
    fn platform_info_with_any_undefined_bit_is_refused() {
        for bit in std::iter::once(6).chain(8..64) {
            assert_eq!(PlatformInfo::from_bits(1 << bit), Err(UnknownPlatformInfoBits(1 << bit)));
        }
    }

    #[test]
    fn every_defined_bit_has_a_name_and_no_other_bit_has() {
        let all = |flags: &[(&str, u64)]| flags.iter().fold(0, |bits, (_, bit)| bits | bit);
        assert_eq!(all(&GuestPolicy::FLAGS) | 0xFFFF | ALWAYS_ONE, GuestPolicy::KNOWN);
        assert_eq!(all(&PlatformInfo::FLAGS), PlatformInfo::KNOWN);
    }

    proptest! {
        #[test]
        fn every_defined_bit_survives(bits: u64) {
            let policy = bits & GuestPolicy::KNOWN | ALWAYS_ONE;
            prop_assert_eq!(GuestPolicy::from_bits(policy).map(GuestPolicy::to_bits), Ok(policy));
            let info = bits & PlatformInfo::KNOWN;
            prop_assert_eq!(PlatformInfo::from_bits(info).map(PlatformInfo::to_bits), Ok(info));
        }
    }
}
