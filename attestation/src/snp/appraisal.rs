//! The judge: facts on one side, reference values on the other, everything that does not fit as the result.
//!
//! Pure. Signatures, certificates and dates are facts by the time they get here.

use std::fmt::Display;

use super::{
    GuestPolicy, PlatformInfo, Product, ReferenceValues, Report, SigningKey, TcbParts,
    endorsement::{EndorsementKey, names_chip},
    policy::{GuestPolicyError, UnknownPlatformInfoBits},
    report::FirmwareVersion,
    signer_info::SignerInfoError,
    tcb::ReservedTcbBits,
};
use crate::{Cause, Finding, ReportData, nearest};

/// What is known about a piece of evidence.
pub(crate) struct Facts<'a> {
    pub(crate) report: &'a Report,
    /// Product line that the attester names, unsigned.
    pub(crate) declared_product: Option<Product>,
    /// `None` if the chain does not verify; that is a finding of its own.
    pub(crate) endorsement: Option<&'a EndorsementKey>,
    /// What the evidence has to be bound to.
    pub(crate) report_data: &'a ReportData,
    /// What the guest has to be launched with.
    pub(crate) launch: LaunchExpectation,
}

/// Values that follow from the reference values and from the report's number of vCPUs.
pub(crate) struct LaunchExpectation {
    /// The launch digest that the report should show.
    pub(crate) measurement: [u8; 48],
    /// How many launch digests were tried.
    pub(crate) variants: usize,
    /// The digest of the ID key, unless the verifier does without an ID block.
    pub(crate) id_key_digest: Option<[u8; 48]>,
}

/// Lists everything about the evidence that the reference values, or the specification, do not allow.
pub(crate) fn judge(facts: &Facts<'_>, reference: &ReferenceValues) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.product(facts, reference.product);
    findings.binding(facts, reference);
    findings.launch(facts);
    findings.guest_policy(facts.report.policy, reference.guest_policy);
    findings.platform_info(facts.report.platform_info, reference.platform_info);
    findings.tcb(facts, reference);
    findings.firmware(facts.report);
    findings.mitigations(facts.report, reference.minimum_mitigation_vector);
    findings.chip(facts, reference);
    findings.0
}

/// A field whose bits do not have a defined meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Policy(#[from] GuestPolicyError),
    #[error(transparent)]
    PlatformInfo(#[from] UnknownPlatformInfoBits),
    #[error(transparent)]
    SignerInfo(#[from] SignerInfoError),
    #[error(transparent)]
    Tcb(#[from] ReservedTcbBits),
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, cause: Cause, field: impl Into<String>, expected: impl Display, found: impl Display) {
        self.0.push(Finding::new(cause, field, expected, found));
    }

    fn bytes(&mut self, cause: Cause, field: &str, expected: &[u8], found: &[u8]) {
        if expected != found {
            self.add(cause, field, hex::encode(expected), hex::encode(found));
        }
    }

    fn product(&mut self, facts: &Facts<'_>, expected: Product) {
        if let Some(cpuid) = facts.report.cpuid {
            match Product::from_cpuid(cpuid) {
                Some(product) if product == expected => {}
                Some(product) => self.add(Cause::Product, "report field CPUID_FAM_ID", expected, product),
                None => self.add(
                    Cause::Product,
                    "report field CPUID_FAM_ID",
                    expected,
                    format_args!("family {:#04x} model {:#04x}, unknown", cpuid.family, cpuid.model),
                ),
            }
        }
        if let Some(declared) = facts.declared_product.filter(|declared| *declared != expected) {
            self.add(Cause::Product, "document field product", expected, declared);
        }
        if let Some(key) = facts.endorsement.filter(|key| key.product() != Some(expected)) {
            self.add(
                Cause::Product,
                format!("{} extension productName", key.kind),
                expected,
                &key.product_name,
            );
        }
    }

    fn binding(&mut self, facts: &Facts<'_>, reference: &ReferenceValues) {
        self.bytes(
            Cause::ReportData,
            "report field REPORT_DATA",
            &facts.report_data.0,
            &facts.report.report_data,
        );
        if !reference.allowed_host_data.contains(&facts.report.host_data) {
            let found = &facts.report.host_data;
            let expected = reference.allowed_host_data.expected(found);
            self.add(Cause::HostData, "report field HOST_DATA", expected, hex::encode(found));
        }
        if facts.report.vmpl != 0 {
            self.add(Cause::Vmpl, "report field VMPL", 0, facts.report.vmpl);
        }
    }

    fn launch(&mut self, facts: &Facts<'_>) {
        let launch = &facts.launch;
        if facts.report.measurement != launch.measurement {
            let expected = hex::encode(launch.measurement);
            let expected = match launch.variants {
                0 | 1 => expected,
                count => format!("{expected} (1 vCPU) or its variant for 2 to {count} vCPUs"),
            };
            self.add(
                Cause::Measurement,
                "report field MEASUREMENT",
                expected,
                hex::encode(facts.report.measurement),
            );
        }
        if let Some(digest) = launch.id_key_digest {
            self.bytes(Cause::IdKey, "report field ID_KEY_DIGEST", &digest, &facts.report.id_key_digest);
            // Both are zero in the ID block that the digest stands for.
            self.bytes(Cause::IdBlockNames, "report field FAMILY_ID", &[0; 16], &facts.report.family_id);
            self.bytes(Cause::IdBlockNames, "report field IMAGE_ID", &[0; 16], &facts.report.image_id);
        }
    }

    fn guest_policy(&mut self, found: u64, allowed: GuestPolicy) {
        let found = match GuestPolicy::from_bits(found) {
            Ok(found) => found,
            Err(error) => {
                return self.add(Cause::UndefinedBits, "report field POLICY", "defined bits only", error);
            }
        };
        let abi = |policy: GuestPolicy| (policy.abi_major, policy.abi_minor);
        if abi(found) < abi(allowed) {
            let show = |(major, minor): (u8, u8)| format!("{major}.{minor}");
            let expected = format!("at least {}", show(abi(allowed)));
            self.add(Cause::GuestPolicy, "report field POLICY.ABI", expected, show(abi(found)));
        }
        self.rights(
            Cause::GuestPolicy,
            "POLICY",
            [
                ("SMT", allowed.smt, found.smt),
                ("MIGRATE_MA", allowed.migrate_ma, found.migrate_ma),
                ("DEBUG", allowed.debug, found.debug),
                ("CXL_ALLOW", allowed.cxl_allowed, found.cxl_allowed),
            ],
        );
        self.duties(
            Cause::GuestPolicy,
            "POLICY",
            [
                ("SINGLE_SOCKET", allowed.single_socket, found.single_socket),
                ("MEM_AES_256_XTS", allowed.mem_aes_256_xts, found.mem_aes_256_xts),
                ("RAPL_DIS", allowed.rapl_dis, found.rapl_dis),
                ("CIPHERTEXT_HIDING_DRAM", allowed.ciphertext_hiding_dram, found.ciphertext_hiding_dram),
                ("PAGE_SWAP_DISABLE", allowed.page_swap_disable, found.page_swap_disable),
            ],
        );
    }

    fn platform_info(&mut self, found: u64, allowed: Option<PlatformInfo>) {
        let found = match PlatformInfo::from_bits(found) {
            Ok(found) => found,
            Err(error) => {
                return self.add(
                    Cause::UndefinedBits,
                    "report field PLATFORM_INFO",
                    "defined bits only",
                    error,
                );
            }
        };
        let Some(allowed) = allowed else { return };
        self.rights(
            Cause::PlatformInfo,
            "PLATFORM_INFO",
            [
                ("SMT_EN", allowed.smt_enabled, found.smt_enabled),
                ("TSME_EN", allowed.tsme_enabled, found.tsme_enabled),
                ("TIO_EN", allowed.tio_enabled, found.tio_enabled),
            ],
        );
        self.duties(
            Cause::PlatformInfo,
            "PLATFORM_INFO",
            [
                ("ECC_EN", allowed.ecc_enabled, found.ecc_enabled),
                ("RAPL_DIS", allowed.rapl_disabled, found.rapl_disabled),
                (
                    "CIPHERTEXT_HIDING_DRAM_EN",
                    allowed.ciphertext_hiding_dram_enabled,
                    found.ciphertext_hiding_dram_enabled,
                ),
                ("ALIAS_CHECK_COMPLETE", allowed.alias_check_complete, found.alias_check_complete),
            ],
        );
    }

    /// Bits that weaken the guest: set only where the reference value sets them.
    fn rights<const N: usize>(&mut self, cause: Cause, field: &str, bits: [(&str, bool, bool); N]) {
        for (name, _, _) in bits.into_iter().filter(|(_, allowed, found)| *found && !allowed) {
            self.add(cause, format!("report field {field}.{name}"), "not set", "set");
        }
    }

    /// Bits that protect the guest: set wherever the reference value sets them.
    fn duties<const N: usize>(&mut self, cause: Cause, field: &str, bits: [(&str, bool, bool); N]) {
        for (name, _, _) in bits.into_iter().filter(|(_, required, found)| *required && !found) {
            self.add(cause, format!("report field {field}.{name}"), "set", "not set");
        }
    }

    fn tcb(&mut self, facts: &Facts<'_>, reference: &ReferenceValues) {
        let (report, product) = (facts.report, reference.product);
        let mut decode = |name: &str, raw| {
            TcbParts::decode(product, raw)
                .map_err(|error| {
                    self.add(Cause::TcbLayout, format!("report field {name}"), "reserved bits zero", error)
                })
                .ok()
        };
        let current = decode("CURRENT_TCB", report.current_tcb);
        let committed = decode("COMMITTED_TCB", report.committed_tcb);
        let launch = decode("LAUNCH_TCB", report.launch_tcb);
        let reported = decode("REPORTED_TCB", report.reported_tcb);
        // A host may run newer firmware than it committed, but it can go back to what is committed.
        let minimum = Some(reference.minimum_tcb);
        self.at_least(Cause::LaunchTcb, "launch TCB", launch, "the minimum", minimum);
        self.at_least(Cause::CommittedTcb, "committed TCB", committed, "the minimum", minimum);
        self.at_least(Cause::ReportedTcb, "reported TCB", reported, "the minimum", minimum);
        self.at_least(Cause::Contradiction, "current TCB", current, "the committed TCB", committed);
        self.at_least(Cause::Contradiction, "current TCB", current, "the reported TCB", reported);
        let (Some(key), Some(reported)) = (facts.endorsement, reported) else { return };
        if key.tcb != reported {
            self.add(
                Cause::OtherCertificate,
                "report field REPORTED_TCB",
                format!("that of the {}: {}", key.kind, key.tcb),
                reported,
            );
        }
    }

    fn at_least(
        &mut self,
        cause: Cause,
        name: &str,
        found: Option<TcbParts>,
        what: &str,
        minimum: Option<TcbParts>,
    ) {
        let (Some(found), Some(minimum)) = (found, minimum) else { return };
        for below in found.parts_below(&minimum) {
            let expected = format!("at least {} ({what})", below.minimum);
            self.add(cause, format!("{name} part {}", below.part), expected, below.found);
        }
    }

    fn firmware(&mut self, report: &Report) {
        let order = |version: FirmwareVersion| (version.major, version.minor, version.build);
        let show =
            |version: FirmwareVersion| format!("{}.{} build {}", version.major, version.minor, version.build);
        if order(report.committed) > order(report.current) {
            self.add(
                Cause::Contradiction,
                "report fields COMMITTED_MAJOR, COMMITTED_MINOR and COMMITTED_BUILD",
                format!("at most the current version {}", show(report.current)),
                show(report.committed),
            );
        }
    }

    fn mitigations(&mut self, report: &Report, required: u64) {
        let Some(vectors) = report.mitigations else {
            if required != 0 {
                let found = format!("a report of version {}, which has none", report.version);
                self.add(
                    Cause::Mitigations,
                    "report field CURRENT_MIT_VECTOR",
                    format!("bits {required:#x}"),
                    found,
                );
            }
            return;
        };
        for (field, found) in [("LAUNCH_MIT_VECTOR", vectors.launch), ("CURRENT_MIT_VECTOR", vectors.current)]
        {
            if found & required != required {
                let missing = required & !found;
                let found = format!("{found:#x}, without {missing:#x}");
                self.add(
                    Cause::Mitigations,
                    format!("report field {field}"),
                    format!("bits {required:#x}"),
                    found,
                );
            }
        }
    }

    fn chip(&mut self, facts: &Facts<'_>, reference: &ReferenceValues) {
        let chip_id = &facts.report.chip_id;
        let masked = chip_id.iter().all(|byte| *byte == 0);
        if masked && facts.report.version == 2 {
            let found = "zero (MASK_CHIP_ID), so that nothing tells the processor";
            self.add(Cause::ChipMasked, "report field CHIP_ID", "a chip ID in a report of version 2", found);
        }
        if let Some(key) = facts.endorsement
            && let Some(hardware_id) = &key.hardware_id
            && !masked
            && !names_chip(chip_id, hardware_id)
        {
            let expected = format!("hwID of the {}: {}", SigningKey::Vcek, hex::encode(hardware_id));
            self.add(Cause::OtherCertificate, "report field CHIP_ID", expected, hex::encode(chip_id));
        }
        let allowed = &reference.allowed_chip_ids;
        if !allowed.is_empty() && (masked || !allowed.contains(chip_id)) {
            let expected = nearest::one_of(chip_id, allowed, "chip IDs");
            let (cause, found) = match masked {
                true => (Cause::ListedChipMasked, "zero (MASK_CHIP_ID)".to_owned()),
                false => (Cause::ChipNotListed, hex::encode(chip_id)),
            };
            self.add(cause, "report field CHIP_ID", expected, found);
        }
    }
}
