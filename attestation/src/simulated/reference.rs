//! The reference values that accept a simulated processor.

use serde_json::{Value, json};

use super::Processor;
use crate::snp::ReferenceValues;

impl Processor {
    /// Reference values that fit this processor's evidence. No host data is allowed yet: that is for the
    /// caller to fill in.
    #[must_use]
    pub fn reference_values(&self) -> ReferenceValues {
        ReferenceValues {
            product: self.product(),
            measurement: self.measurement(),
            ap_eip: None,
            minimum_tcb: self.tcb(),
            guest_policy: self.guest_policy(),
            platform_info: Some(self.platform_info()),
            minimum_mitigation_vector: 0,
            allowed_chip_ids: Vec::new(),
            allowed_host_data: Default::default(),
        }
    }

    /// The same as an entry of the manifest's list `ReferenceValues.simulated`.
    #[must_use]
    pub fn reference_values_json(&self) -> Value {
        let (tcb, policy, platform) = (self.tcb(), self.guest_policy(), self.platform_info());
        let mut minimum_tcb = json!({
            "BootloaderVersion": tcb.bootloader,
            "TEEVersion": tcb.tee,
            "SNPVersion": tcb.snp,
            "MicrocodeVersion": tcb.microcode,
        });
        if let (Some(fmc), Some(parts)) = (tcb.fmc, minimum_tcb.as_object_mut()) {
            parts.insert("FMCVersion".to_owned(), fmc.into());
        }
        json!({
            "Platform": "Simulated",
            "Root": hex::encode(self.root_digest()),
            "ProductName": self.product().name(),
            "TrustedMeasurement": hex::encode(self.measurement()),
            "MinimumTCB": minimum_tcb,
            "GuestPolicy": {
                "ABIMinor": policy.abi_minor,
                "ABIMajor": policy.abi_major,
                "SMT": policy.smt,
                "MigrateMA": policy.migrate_ma,
                "Debug": policy.debug,
                "SingleSocket": policy.single_socket,
                "CXLAllowed": policy.cxl_allowed,
                "MemAES256XTS": policy.mem_aes_256_xts,
                "RAPLDis": policy.rapl_dis,
                "CipherTextHidingDRAM": policy.ciphertext_hiding_dram,
                "PageSwapDisable": policy.page_swap_disable,
            },
            "PlatformInfo": {
                "SMTEnabled": platform.smt_enabled,
                "TSMEEnabled": platform.tsme_enabled,
                "ECCEnabled": platform.ecc_enabled,
                "RAPLDisabled": platform.rapl_disabled,
                "CiphertextHidingDRAMEnabled": platform.ciphertext_hiding_dram_enabled,
                "AliasCheckComplete": platform.alias_check_complete,
                "TIOEnabled": platform.tio_enabled,
            },
            "AllowedChipIDs": [],
        })
    }
}
