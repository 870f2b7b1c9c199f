//! The judge: facts on one side, reference values on the other, everything that does not fit as the result.
//!
//! Pure. Signatures, certificates and dates are facts by the time they get here.

use super::{
    GuestPolicy, PlatformInfo, Product, ReferenceValues, Report, SigningKey, TcbParts,
    endorsement::{EndorsementKey, names_chip},
    id_block,
    policy::{GuestPolicyError, UnknownPlatformInfoBits},
    report::FirmwareVersion,
    signer_info::SignerInfoError,
    tcb::ReservedTcbBits,
};
use crate::{Cause, Findings, ReportData, findings::Hex, nearest};

/// What is known about a piece of evidence.
pub(crate) struct Facts<'a> {
    pub(crate) report: &'a Report,
    /// Product line that the attester names, unsigned.
    pub(crate) declared_product: Option<Product>,
    /// `None` if the chain does not verify; that is a finding of its own.
    pub(crate) endorsement: Option<&'a EndorsementKey>,
    /// Whether that key signed the report; that it did not is a finding of its own.
    pub(crate) authentic: bool,
    /// What the evidence has to be bound to.
    pub(crate) report_data: &'a ReportData,
    /// What the guest has to be launched with.
    pub(crate) launch: LaunchExpectation,
}

/// What follows from the reference values and from the report's number of vCPUs.
pub(crate) struct LaunchExpectation {
    /// The launch digest that the report should show.
    pub(crate) measurement: [u8; 48],
    /// How many launch digests were tried.
    pub(crate) variants: usize,
    /// Whether the guest must have been launched with the ID block for this measurement.
    pub(crate) id_block: bool,
}

/// Finds everything about the evidence that the reference values, or the specification, do not allow.
pub(crate) fn judge(facts: &Facts<'_>, reference: &ReferenceValues, findings: &mut Findings) {
    let mut judge = Judge(findings);
    judge.product(facts, reference.product);
    judge.binding(facts, reference);
    judge.launch(facts, reference.guest_policy);
    judge.guest_policy(facts.report.policy, reference.guest_policy);
    judge.platform_info(facts.report.platform_info, reference.platform_info);
    judge.tcb(facts, reference);
    judge.firmware(facts.report);
    judge.mitigations(facts.report, reference.minimum_mitigation_vector);
    judge.chip(facts, reference);
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

struct Judge<'a>(&'a mut Findings);

impl Judge<'_> {
    fn product(&mut self, facts: &Facts<'_>, expected: Product) {
        if let Some(cpuid) = facts.report.cpuid {
            match Product::from_cpuid(cpuid) {
                Some(product) if product == expected => {}
                Some(product) => self.0.add(Cause::Product, "report field CPUID_FAM_ID", expected, product),
                None => self.0.add(
                    Cause::Product,
                    "report field CPUID_FAM_ID",
                    expected,
                    format_args!("family {:#04x} model {:#04x}, unknown", cpuid.family, cpuid.model),
                ),
            }
        }
        if let Some(declared) = facts.declared_product.filter(|declared| *declared != expected) {
            self.0.add(Cause::Product, "document field product", expected, declared);
        }
        if let Some(key) = facts.endorsement.filter(|key| key.product() != Some(expected)) {
            self.0.add(
                Cause::Product,
                format_args!("{} extension productName", key.kind),
                expected,
                &key.product_name,
            );
        }
    }

    fn binding(&mut self, facts: &Facts<'_>, reference: &ReferenceValues) {
        self.0.bytes(
            Cause::ReportData,
            "report field REPORT_DATA",
            &facts.report_data.0,
            &facts.report.report_data,
        );
        if !reference.allowed_host_data.contains(&facts.report.host_data) {
            let found = &facts.report.host_data;
            let expected = reference.allowed_host_data.expected(found);
            self.0.add(Cause::HostData, "report field HOST_DATA", expected, Hex(found));
        }
        if facts.report.vmpl != 0 {
            self.0.add(Cause::Vmpl, "report field VMPL", 0, facts.report.vmpl);
        }
    }

    fn launch(&mut self, facts: &Facts<'_>, policy: GuestPolicy) {
        let (launch, report) = (&facts.launch, facts.report);
        if report.measurement != launch.measurement {
            let field = "report field MEASUREMENT";
            let (expected, found) = (Hex(&launch.measurement), Hex(&report.measurement));
            match launch.variants {
                0 | 1 => self.0.add(Cause::Measurement, field, expected, found),
                count => {
                    let expected = format_args!("{expected} (1 vCPU) or its variant for 2 to {count} vCPUs");
                    self.0.add(Cause::Measurement, field, expected, found);
                }
            }
        }
        if !launch.id_block {
            return;
        }
        // To derive the digest takes as long as a handshake, and strangers choose what goes into it. So it is not done for
        // reports that nobody signed, nor where something else is wrong already and nobody reads what.
        if self.0.is_empty() || (facts.authentic && self.0.are_told()) {
            let digest = id_block::key_digest(&launch.measurement, policy, report.guest_svn);
            // A key that cannot be derived has a digest that no report shows.
            let digest = digest.unwrap_or([0xFF; 48]);
            self.0.bytes(Cause::IdKey, "report field ID_KEY_DIGEST", &digest, &report.id_key_digest);
        }
        // Both are zero in the ID block that the digest stands for.
        self.0.bytes(Cause::IdBlockNames, "report field FAMILY_ID", &[0; 16], &report.family_id);
        self.0.bytes(Cause::IdBlockNames, "report field IMAGE_ID", &[0; 16], &report.image_id);
    }

    fn guest_policy(&mut self, found: u64, allowed: GuestPolicy) {
        let found = match GuestPolicy::from_bits(found) {
            Ok(found) => found,
            Err(error) => {
                return self.0.add(Cause::UndefinedBits, "report field POLICY", "defined bits only", error);
            }
        };
        let abi = |policy: GuestPolicy| (policy.abi_major, policy.abi_minor);
        if abi(found) < abi(allowed) {
            let ((major, minor), (found_major, found_minor)) = (abi(allowed), abi(found));
            self.0.add(
                Cause::GuestPolicy,
                "report field POLICY.ABI",
                format_args!("at least {major}.{minor}"),
                format_args!("{found_major}.{found_minor}"),
            );
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
                return self.0.add(
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
            self.0.add(cause, format_args!("report field {field}.{name}"), "not set", "set");
        }
    }

    /// Bits that protect the guest: set wherever the reference value sets them.
    fn duties<const N: usize>(&mut self, cause: Cause, field: &str, bits: [(&str, bool, bool); N]) {
        for (name, _, _) in bits.into_iter().filter(|(_, required, found)| *required && !found) {
            self.0.add(cause, format_args!("report field {field}.{name}"), "set", "not set");
        }
    }

    fn tcb(&mut self, facts: &Facts<'_>, reference: &ReferenceValues) {
        let (report, product) = (facts.report, reference.product);
        let mut decode = |name: &str, raw| {
            TcbParts::decode(product, raw)
                .map_err(|error| {
                    let field = format_args!("report field {name}");
                    self.0.add(Cause::TcbLayout, field, "reserved bits zero", error);
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
            self.0.add(
                Cause::OtherCertificate,
                "report field REPORTED_TCB",
                format_args!("that of the {}: {}", key.kind, key.tcb),
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
            let expected = format_args!("at least {} ({what})", below.minimum);
            self.0.add(cause, format_args!("{name} part {}", below.part), expected, below.found);
        }
    }

    fn firmware(&mut self, report: &Report) {
        let order = |version: FirmwareVersion| (version.major, version.minor, version.build);
        let show =
            |version: FirmwareVersion| format!("{}.{} build {}", version.major, version.minor, version.build);
        if order(report.committed) > order(report.current) {
            self.0.add(
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
                let found = format_args!("a report of version {}, which has none", report.version);
                self.0.add(
                    Cause::Mitigations,
                    "report field CURRENT_MIT_VECTOR",
                    format_args!("bits {required:#x}"),
                    found,
                );
            }
            return;
        };
        for (field, found) in [("LAUNCH_MIT_VECTOR", vectors.launch), ("CURRENT_MIT_VECTOR", vectors.current)]
        {
            if found & required != required {
                let missing = required & !found;
                let found = format_args!("{found:#x}, without {missing:#x}");
                self.0.add(
                    Cause::Mitigations,
                    format_args!("report field {field}"),
                    format_args!("bits {required:#x}"),
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
            self.0.add(
                Cause::ChipMasked,
                "report field CHIP_ID",
                "a chip ID in a report of version 2",
                found,
            );
        }
        if let Some(key) = facts.endorsement
            && let Some(hardware_id) = &key.hardware_id
            && !masked
            && !names_chip(chip_id, hardware_id)
        {
            let expected = format_args!("hwID of the {}: {}", SigningKey::Vcek, Hex(hardware_id));
            self.0.add(Cause::OtherCertificate, "report field CHIP_ID", expected, Hex(chip_id));
        }
        let allowed = &reference.allowed_chip_ids;
        if !allowed.is_empty() && (masked || !allowed.contains(chip_id)) {
            let expected = nearest::one_of(chip_id, allowed, "chip IDs");
            let field = "report field CHIP_ID";
            match masked {
                true => self.0.add(Cause::ListedChipMasked, field, expected, "zero (MASK_CHIP_ID)"),
                false => self.0.add(Cause::ChipNotListed, field, expected, Hex(chip_id)),
            }
        }
    }
}
