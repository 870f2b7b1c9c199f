//! What a mismatch has to do with the manifest, and what can be done about it.

/// The value of the manifest behind a finding, below its entry, and the next step. `None` where no value of the
/// manifest has a say.
pub(super) fn remedy(field: &str) -> (Option<&'static str>, &'static str) {
    REMEDIES
        .iter()
        .find(|(part, _, _)| field.contains(part))
        .map_or((None, UNKNOWN), |(_, path, step)| (*path, step))
}

const UNKNOWN: &str = "see docs/attestation.md; do not trust the machine before you know the reason";
const RELAUNCH: &str = "update the host's firmware, then launch the guest anew";
const REACH: &str =
    "let the program reach the vendor or a proxy, or use a bundle that `contrast collateral fetch` made";
const POLICY: &str = "make the manifest from the resource files that are deployed, and deploy them again";
const IMAGE: &str = "check that the guest's image is of the version that the manifest was made for";
const RUNTIME: &str = "correct how the runtime launches the guest";
const MODULE: &str = "check which TDX module the host loads";
const PRODUCT: &str = "add an entry for this product line";
const PLATFORM: &str = "use a platform with this property, or change the entry";

/// Part of a finding's field, value of the manifest, next step. The first that fits counts.
const REMEDIES: &[(&str, Option<&str>, &str)] = &[
    ("HOST_DATA", Some("Policies"), POLICY),
    ("MR_CONFIG_ID", Some("Policies"), POLICY),
    ("field MEASUREMENT", Some("TrustedMeasurement"), IMAGE),
    ("ID_KEY_DIGEST", Some("TrustedMeasurement"), IMAGE),
    ("FAMILY_ID", None, RUNTIME),
    ("IMAGE_ID", None, RUNTIME),
    ("field POLICY", Some("GuestPolicy"), RUNTIME),
    (
        "PLATFORM_INFO",
        Some("PlatformInfo"),
        "change the host's BIOS settings, or the entry if you accept the risk",
    ),
    ("committed TCB", Some("MinimumTCB"), "commit the firmware on the host (SNP_COMMIT)"),
    ("launch TCB", Some("MinimumTCB"), RELAUNCH),
    ("reported TCB", Some("MinimumTCB"), "raise the reported TCB on the host (SNP_CONFIG)"),
    (
        "REPORTED_TCB",
        None,
        "delete the certificates that the host keeps, so that it gets those for its firmware",
    ),
    ("MIT_VECTOR", Some("MinimumMitigationVector"), RELAUNCH),
    ("CHIP_ID", Some("AllowedChipIDs"), "add the chip to the list if it is yours"),
    ("field product", Some("ProductName"), PRODUCT),
    ("CPUID_FAM_ID", Some("ProductName"), PRODUCT),
    ("extension productName", Some("ProductName"), PRODUCT),
    ("VMPL", None, RUNTIME),
    ("revocation list of", None, REACH),
    ("VCEK certificate validity", None, "check the clock of this machine"),
    ("VCEK certificate", None, REACH),
    (
        "ARK certificate",
        Some("Root"),
        "use the simulated processor that the entry names, or production hardware",
    ),
    (
        "collateral for FMSPC",
        None,
        "fetch a bundle with `contrast collateral fetch --fmspc`, or let the program reach Intel",
    ),
    ("TCB evaluation data number", Some("MinTCBEvaluationDataNumber"), "fetch newer collateral"),
    ("collateral", None, REACH),
    ("validity", None, "check the clock of this machine, and fetch the collateral again"),
    ("MR_SEAM", Some("MrSeam"), MODULE),
    ("MR_SIGNER_SEAM", None, MODULE),
    ("SEAM_ATTRIBUTES", None, MODULE),
    ("MR_TD", Some("MrTd"), IMAGE),
    ("RTMR", Some("Rtmrs"), IMAGE),
    ("XFAM", Some("Xfam"), RUNTIME),
    ("TD_ATTRIBUTES", None, RUNTIME),
    ("MR_SERVICE_TD", None, RUNTIME),
    ("SGX Type", Some("MemoryIntegrity"), PLATFORM),
    ("SMT Enabled", Some("SMTDisabled"), PLATFORM),
    ("Dynamic Platform", Some("StaticPlatform"), PLATFORM),
    ("Platform Instance ID", Some("AllowedPIIDs"), "add the platform to the list if it is yours"),
    ("quoting enclave TCB status", None, "update the host's Intel DCAP packages"),
    ("TCB status", None, "update BIOS, microcode and TDX module, then launch the guest anew"),
    ("SIGNATURE", None, "do not use the evidence: it was changed after it was signed"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_leads_to_its_own_value_of_the_manifest() {
        for (field, path) in [
            ("report field HOST_DATA", Some("Policies")),
            ("report field MEASUREMENT", Some("TrustedMeasurement")),
            ("report field POLICY.DEBUG", Some("GuestPolicy")),
            ("report field PLATFORM_INFO.SMT_EN", Some("PlatformInfo")),
            ("committed TCB part SNP", Some("MinimumTCB")),
            ("report field REPORTED_TCB", None),
            ("quote field MR_TD", Some("MrTd")),
            ("TCB evaluation data number of the collateral", Some("MinTCBEvaluationDataNumber")),
            ("something new", None),
        ] {
            assert_eq!(remedy(field).0, path, "{field}");
        }
    }

    #[test]
    fn what_can_be_wrong_with_a_tdx_quote_has_a_remedy_of_its_own() {
        for field in [
            "quote field MR_CONFIG_ID",
            "quote field MR_SEAM",
            "quote field MR_SIGNER_SEAM",
            "quote field SEAM_ATTRIBUTES",
            "quote field TD_ATTRIBUTES.DEBUG",
            "quote field TD_ATTRIBUTES",
            "quote field XFAM",
            "quote field MR_TD",
            "quote field RTMR0",
            "quote field MR_SERVICE_TD",
            "quote field SIGNATURE",
            "platform TCB status",
            "current platform TCB status",
            "quoting enclave TCB status",
            "collateral for FMSPC b0c06f000000 (platform CA)",
            "QE identity validity",
            "PCK certificate field SGX Type",
        ] {
            assert_ne!(remedy(field).1, UNKNOWN, "{field}");
        }
        assert_eq!(remedy("quote").1, UNKNOWN);
    }
}
