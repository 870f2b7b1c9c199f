//! What reports say, against the values of the manifest.

use std::{sync::LazyLock, time::SystemTime};

use contrast_attestation::{
    Evidence, EvidenceType, Rejection, ReportData, Verifier as _,
    simulated::{Hierarchy, Processor, ReportBuilder},
    snp::{FirmwareVersion, Product, ReferenceValues, Report, SnpVerifier},
};

use super::advises;

pub(super) const HOST_DATA: [u8; 32] = [0xA5; 32];
pub(super) const REPORT_DATA: ReportData = ReportData([0x3C; 64]);

pub(super) static GENOA: LazyLock<Hierarchy> = LazyLock::new(|| Hierarchy::generate(Product::Genoa).unwrap());
pub(super) static PROCESSOR: LazyLock<Processor> = LazyLock::new(|| Processor::new(&GENOA).unwrap());

pub(super) fn reference() -> ReferenceValues {
    ReferenceValues { allowed_host_data: [HOST_DATA].into(), ..PROCESSOR.reference_values() }
}

pub(super) fn honest() -> ReportBuilder<'static> {
    PROCESSOR.report_builder(HOST_DATA, REPORT_DATA)
}

/// That of the third simulated entry.
pub(super) fn verifier(reference: ReferenceValues) -> SnpVerifier {
    SnpVerifier::new("simulated-2", reference, PROCESSOR.trust_anchor())
}

#[track_caller]
pub(super) fn rejection(verifier: &SnpVerifier, evidence: &Evidence, at: SystemTime) -> Rejection {
    verifier.appraise(evidence, &REPORT_DATA, at).unwrap_err()
}

#[track_caller]
fn judged(reference: ReferenceValues, builder: ReportBuilder<'_>, field: &str, value: &str, step: &str) {
    let rejection = rejection(&verifier(reference), &builder.evidence().unwrap(), SystemTime::now());
    let path = match value {
        "" | "Policies" => value.to_owned(),
        value => format!("ReferenceValues.simulated[2].{value}"),
    };
    advises(rejection, field, &path, step);
}

#[track_caller]
fn edited(change: impl FnOnce(&mut Report), field: &str, value: &str, step: &str) {
    judged(reference(), honest().edit(change), field, value, step);
}

#[test]
fn another_binding_or_launch_leads_to_policies_image_and_runtime() {
    edited(|report| report.report_data = [0; 64], "report field REPORT_DATA", "", "proxy in between");
    edited(|report| report.host_data = [0; 32], "report field HOST_DATA", "Policies", "resource files");
    edited(|report| report.vmpl = 1, "report field VMPL", "", "VMPL 0");
    edited(|report| report.measurement = [0; 48], "report field MEASUREMENT", "TrustedMeasurement", "image");
    edited(
        |report| report.id_key_digest = [0; 48],
        "report field ID_KEY_DIGEST",
        "TrustedMeasurement",
        "ID block",
    );
    edited(|report| report.family_id = [1; 16], "report field FAMILY_ID", "", "ID block");
    edited(|report| report.image_id = [1; 16], "report field IMAGE_ID", "", "ID block");
}

#[test]
fn policy_and_platform_lead_to_their_values_except_for_bits_that_no_value_can_allow() {
    edited(|report| report.policy |= 1 << 19, "report field POLICY.DEBUG", "GuestPolicy", "runtime");
    edited(|report| report.policy |= 1 << 63, "report field POLICY", "", "release of this program");
    let tsme = "report field PLATFORM_INFO.TSME_EN";
    edited(|report| report.platform_info |= 2, tsme, "PlatformInfo", "BIOS");
    edited(
        |report| report.platform_info |= 1 << 63,
        "report field PLATFORM_INFO",
        "",
        "release of this program",
    );
}

#[test]
fn each_tcb_version_has_a_remedy_of_its_own() {
    let older = |report: &Report| report.launch_tcb - (1 << 48);
    edited(
        |report| report.launch_tcb = older(report),
        "launch TCB part SNP",
        "MinimumTCB",
        "launch the guest",
    );
    edited(
        |report| report.committed_tcb = older(report),
        "committed TCB part SNP",
        "MinimumTCB",
        "SNP_COMMIT",
    );
    edited(|report| report.reported_tcb = older(report), "reported TCB part SNP", "MinimumTCB", "SNP_CONFIG");
    edited(|report| report.current_tcb = older(report), "current TCB part SNP", "", "do not use the machine");
    let fields = "report fields COMMITTED_MAJOR, COMMITTED_MINOR and COMMITTED_BUILD";
    let newer = FirmwareVersion { major: 9, ..FirmwareVersion::default() };
    edited(|report| report.committed = newer, fields, "", "do not use the machine");
    for (field, change) in [
        ("CURRENT_TCB", (|report| report.current_tcb |= 1 << 40) as fn(&mut Report)),
        ("COMMITTED_TCB", |report| report.committed_tcb |= 1 << 40),
        ("LAUNCH_TCB", |report| report.launch_tcb |= 1 << 40),
        ("REPORTED_TCB", |report| report.reported_tcb |= 1 << 40),
    ] {
        edited(change, &format!("report field {field}"), "ProductName", "product line");
    }
}

#[test]
fn mitigations_lead_to_their_vector() {
    let asking = || ReferenceValues { minimum_mitigation_vector: 1, ..reference() };
    for field in ["report field LAUNCH_MIT_VECTOR", "report field CURRENT_MIT_VECTOR"] {
        judged(asking(), honest(), field, "MinimumMitigationVector", "firmware");
    }
    judged(
        asking(),
        honest().version(4),
        "report field CURRENT_MIT_VECTOR",
        "MinimumMitigationVector",
        "firmware",
    );
}

#[test]
fn a_chip_leads_to_the_list_and_a_masked_one_to_the_host() {
    let listing = || ReferenceValues { allowed_chip_ids: vec![[9; 64]], ..reference() };
    judged(listing(), honest(), "report field CHIP_ID", "AllowedChipIDs", "if it is yours");
    let masked = || honest().edit(|report| report.chip_id = [0; 64]);
    judged(listing(), masked(), "report field CHIP_ID", "AllowedChipIDs", "MASK_CHIP_ID");
    judged(reference(), masked().version(2), "report field CHIP_ID", "", "MASK_CHIP_ID");
    // It is not the list that another chip's certificate is wrong by.
    edited(|report| report.chip_id = [9; 64], "report field CHIP_ID", "", "delete the certificates");
}

#[test]
fn another_product_line_leads_to_an_entry_for_it() {
    let milan = Some(Product::Milan.typical_cpuid());
    edited(|report| report.cpuid = milan, "report field CPUID_FAM_ID", "ProductName", "add an entry");
    let mut document = honest().sign().unwrap();
    document.product = Some(Product::Milan);
    let evidence = Evidence { evidence_type: EvidenceType::Simulated, document: document.encode() };
    let rejection = rejection(&verifier(reference()), &evidence, SystemTime::now());
    let path = "ReferenceValues.simulated[2].ProductName";
    advises(rejection, "document field product", path, "add an entry");
}

#[test]
fn what_cannot_be_read_is_no_fault_of_the_manifest() {
    let garbage = Evidence { evidence_type: EvidenceType::Simulated, document: vec![0xFF; 9] };
    let rejection = rejection(&verifier(reference()), &garbage, SystemTime::now());
    advises(rejection, "attestation document", "", "older side");
}

#[test]
fn evidence_of_another_kind_needs_an_entry() {
    let mut evidence = honest().evidence().unwrap();
    evidence.evidence_type = EvidenceType::Tdx;
    let rejection = rejection(&verifier(reference()), &evidence, SystemTime::now());
    advises(rejection, "evidence type", "", "add an entry");
}

#[test]
fn a_list_is_counted_and_the_entry_that_was_probably_meant_is_named() {
    let found = PROCESSOR.chip_id();
    let mut meant = found;
    meant[60..].fill(0);
    let listing = ReferenceValues { allowed_chip_ids: vec![[9; 64], meant, [8; 64]], ..reference() };
    let rejection = rejection(&verifier(listing), &honest().evidence().unwrap(), SystemTime::now());
    let expected = format!("one of 3 allowed chip IDs, the nearest is {}", hex::encode(meant));
    assert_eq!(rejection.findings[0].expected, expected);
}
