//! A report that a Milan processor made, with the certificate of its chip.
//!
//! The captures are not part of this repository. They are looked for in the directory that
//! `CONTRAST_SHARED_DATA` names, by default next to the repository. In CI they must be there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use contrast_attestation::{
    ClaimValue, Claims, Evidence, EvidenceType, Finding, ReportData, Verifier,
    snp::{
        Document, Endorsements, GuestPolicy, PlatformInfo, Product, ReferenceValues, Report, Revocation,
        SnpVerifier, TcbParts, TrustAnchor,
    },
};

/// 2024-01-01: the certificate is valid from 2022-09-24 to 2029-09-24.
const IN_2024: Duration = Duration::from_secs(1_704_067_200);

struct Capture {
    report: Vec<u8>,
    vcek: Vec<u8>,
}

/// `None`, after a message, if there are no captures and this is not CI.
fn capture() -> Option<Capture> {
    let dir = env::var_os("CONTRAST_SHARED_DATA")
        .map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
            PathBuf::from,
        )
        .join("snp");
    let (report, vcek) = (dir.join("milan-report-v2.bin"), dir.join("milan-vcek.der"));
    if !report.exists() {
        assert!(env::var_os("CI").is_none(), "{} does not exist, which CI must have", report.display());
        eprintln!("skipped: {} does not exist", report.display());
        return None;
    }
    Some(Capture { report: fs::read(report).unwrap(), vcek: fs::read(vcek).unwrap() })
}

impl Capture {
    fn document(&self) -> Document {
        Document {
            report: Report::parse(&self.report).unwrap(),
            endorsements: Endorsements { vcek: self.vcek.clone(), ..Endorsements::default() },
            product: Some(Product::Milan),
        }
    }

    /// What the report shows.
    fn reference(&self) -> ReferenceValues {
        let report = self.document().report;
        ReferenceValues {
            product: Product::Milan,
            measurement: report.measurement,
            ap_eip: None,
            minimum_tcb: TcbParts { bootloader: 2, tee: 0, snp: 5, microcode: 68, fmc: None },
            // The guest that the report is about was launched with debugging allowed.
            guest_policy: GuestPolicy { smt: true, debug: true, ..GuestPolicy::default() },
            platform_info: Some(PlatformInfo { smt_enabled: true, ..PlatformInfo::default() }),
            minimum_mitigation_vector: 0,
            allowed_chip_ids: vec![report.chip_id],
            allowed_host_data: [report.host_data].into(),
        }
    }
}

fn appraise(document: &Document, reference: ReferenceValues, at: Duration) -> Result<Claims, Vec<Finding>> {
    let mut report_data = [0; 64];
    report_data[..5].copy_from_slice(&[1, 2, 3, 4, 5]);
    let evidence = Evidence { evidence_type: EvidenceType::Snp, document: document.encode() };
    SnpVerifier::new("snp-0-MILAN", reference, TrustAnchor::Amd)
        // It is from before ID blocks, and came without a revocation list.
        .without_id_block()
        .with_revocation(Revocation::NotChecked)
        .appraise(&evidence, &ReportData(report_data), SystemTime::UNIX_EPOCH + at)
        .map_err(|rejection| rejection.findings)
}

fn fields(result: Result<Claims, Vec<Finding>>) -> Vec<String> {
    result.unwrap_err().into_iter().map(|finding| finding.field).collect()
}

#[test]
fn a_captured_milan_report_is_accepted_with_fitting_reference_values() {
    let Some(capture) = capture() else { return };
    let claims = appraise(&capture.document(), capture.reference(), IN_2024).unwrap();
    assert_eq!(claims.evidence_type, EvidenceType::Snp);
    assert_eq!(claims.accepted_by, "snp-0-MILAN");
    assert_eq!(claims.host_data, [0; 32]);
    // Arcs 1 to 46, none left out.
    assert!(claims.values.iter().map(|(arc, _)| *arc).eq(1..=46));
    let claim =
        |arc: u64| claims.values.iter().find(|(known, _)| *known == arc).map(|(_, value)| value.clone());
    assert_eq!(claim(1), Some(ClaimValue::Integer(2)));
    for (arc, policy_bit) in [(5, true), (6, false), (7, true), (8, false), (16, true), (17, false)] {
        assert_eq!(claim(arc), Some(ClaimValue::Boolean(policy_bit)), "arc {arc}");
    }
    for first_arc in [12, 28, 33, 43] {
        // In the order of the arcs: boot loader, SNP, TEE, microcode.
        for (arc, part) in (first_arc..).zip([2, 5, 0, 68]) {
            assert_eq!(claim(arc), Some(ClaimValue::Integer(part)), "arc {arc}");
        }
    }
    assert_eq!(claim(22), Some(ClaimValue::Bytes(capture.document().report.measurement.to_vec())));
    assert_eq!((claim(37), claim(38), claim(39)), (number(3), number(49), number(1)));
}

fn number(value: u64) -> Option<ClaimValue> {
    Some(ClaimValue::Integer(value))
}

#[test]
fn amds_certificates_are_taken_from_the_evidence_or_from_the_program() {
    let Some(capture) = capture() else { return };
    let mut document = capture.document();
    document.endorsements.ark = include_bytes!("../src/snp/roots/ark-milan.der").to_vec();
    document.endorsements.ask = include_bytes!("../src/snp/roots/ask-milan.der").to_vec();
    appraise(&document, capture.reference(), IN_2024).unwrap();
    // What is sent is used: another line's certificates are not quietly replaced by the right ones.
    document.endorsements.ark = include_bytes!("../src/snp/roots/ark-genoa.der").to_vec();
    assert_eq!(fields(appraise(&document, capture.reference(), IN_2024)), ["ARK certificate"]);
    document.endorsements.ark.clear();
    document.endorsements.ask = include_bytes!("../src/snp/roots/asvk-milan.der").to_vec();
    assert_eq!(fields(appraise(&document, capture.reference(), IN_2024)), ["ASK certificate common name"]);
}

#[test]
fn a_captured_report_is_refused_outside_the_validity_of_its_certificate() {
    let Some(capture) = capture() else { return };
    for at in [Duration::from_secs(1_640_995_200), Duration::from_secs(1_893_456_000)] {
        let found = fields(appraise(&capture.document(), capture.reference(), at));
        assert_eq!(found, ["VCEK certificate validity"], "{at:?}");
    }
}

#[test]
fn each_changed_reference_value_is_the_reason_of_the_refusal() {
    let Some(capture) = capture() else { return };
    type Change = fn(&mut ReferenceValues);
    let changes: [(&str, Change); 9] = [
        ("report field MEASUREMENT", |reference| reference.measurement[0] ^= 1),
        ("report field POLICY.DEBUG", |reference| reference.guest_policy.debug = false),
        ("report field POLICY.SMT", |reference| reference.guest_policy.smt = false),
        ("report field POLICY.ABI", |reference| reference.guest_policy.abi_minor = 1),
        ("report field PLATFORM_INFO.SMT_EN", |reference| {
            reference.platform_info = Some(PlatformInfo::default());
        }),
        ("report field CURRENT_MIT_VECTOR", |reference| reference.minimum_mitigation_vector = 1),
        ("report field CHIP_ID", |reference| reference.allowed_chip_ids = vec![[1; 64]]),
        ("report field HOST_DATA", |reference| reference.allowed_host_data = [[1; 32]].into()),
        ("report field HOST_DATA", |reference| reference.allowed_host_data = Default::default()),
    ];
    for (field, change) in changes {
        let mut reference = capture.reference();
        change(&mut reference);
        assert_eq!(fields(appraise(&capture.document(), reference, IN_2024)), [field]);
    }
    let parts: [(&str, Change); 4] = [
        ("BOOT_LOADER", |reference| reference.minimum_tcb.bootloader += 1),
        ("TEE", |reference| reference.minimum_tcb.tee += 1),
        ("SNP", |reference| reference.minimum_tcb.snp += 1),
        ("MICROCODE", |reference| reference.minimum_tcb.microcode += 1),
    ];
    for (part, change) in parts {
        let mut reference = capture.reference();
        change(&mut reference);
        let expected = ["launch", "committed", "reported"].map(|which| format!("{which} TCB part {part}"));
        assert_eq!(fields(appraise(&capture.document(), reference, IN_2024)), expected);
    }
}

#[test]
fn a_captured_report_has_no_id_block_and_is_refused_where_one_is_required() {
    let Some(capture) = capture() else { return };
    let document = capture.document();
    let evidence = Evidence { evidence_type: EvidenceType::Snp, document: document.encode() };
    let verifier = SnpVerifier::new("snp-0-MILAN", capture.reference(), TrustAnchor::Amd);
    let now = SystemTime::UNIX_EPOCH + IN_2024;
    let rejection = verifier.appraise(&evidence, &ReportData(document.report.report_data), now).unwrap_err();
    // Nor has it a revocation list, which is asked for unless somebody says otherwise.
    let found: Vec<_> = rejection.findings.iter().map(|finding| finding.field.as_str()).collect();
    assert_eq!(found, ["revocation list of ARK-Milan", "report field ID_KEY_DIGEST"]);
}

#[test]
fn flipping_any_signed_byte_of_a_captured_report_or_its_certificate_is_noticed() {
    let Some(capture) = capture() else { return };
    for position in (0..capture.report.len()).step_by(3) {
        let mut report = capture.report.clone();
        report[position] ^= 0x10;
        let Ok(report) = Report::parse(&report) else { continue };
        let document = Document { report, ..capture.document() };
        assert!(appraise(&document, capture.reference(), IN_2024).is_err(), "byte {position}");
    }
    for position in (0..capture.vcek.len()).step_by(7) {
        let mut document = capture.document();
        document.endorsements.vcek[position] ^= 0x04;
        assert!(appraise(&document, capture.reference(), IN_2024).is_err(), "byte {position}");
    }
}
