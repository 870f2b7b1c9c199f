//! A simulated processor, shared by the tests of one file, and short ways to use it.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use contrast_attestation::{
    Claims, Evidence, EvidenceType, Finding, ReportData, Verifier,
    simulated::{Hierarchy, Processor, ReportBuilder},
    snp::{Document, Product, ReferenceValues, SnpVerifier},
};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const HOST_DATA: [u8; 32] = [0xA5; 32];
pub(crate) const REPORT_DATA: ReportData = ReportData([0x3C; 64]);

/// Making RSA keys takes seconds: one hierarchy serves all tests of a file.
pub(crate) static GENOA: LazyLock<Hierarchy> = LazyLock::new(|| Hierarchy::generate(Product::Genoa).unwrap());
/// A root of the same name that nobody trusts.
pub(crate) static FOREIGN: LazyLock<Hierarchy> =
    LazyLock::new(|| Hierarchy::generate(Product::Genoa).unwrap());
pub(crate) static PROCESSOR: LazyLock<Processor> = LazyLock::new(|| Processor::new(&GENOA).unwrap());

/// What the processor's evidence is expected to be.
pub(crate) fn reference() -> ReferenceValues {
    ReferenceValues { allowed_host_data: [HOST_DATA].into(), ..PROCESSOR.reference_values() }
}

pub(crate) fn verifier(reference: ReferenceValues) -> SnpVerifier {
    SnpVerifier::new("simulated-0", reference, PROCESSOR.trust_anchor())
}

/// Evidence that [`reference`] accepts, before it is signed.
pub(crate) fn honest() -> ReportBuilder<'static> {
    PROCESSOR.report_builder(HOST_DATA, REPORT_DATA)
}

pub(crate) fn appraise(verifier: &SnpVerifier, evidence: &Evidence) -> Result<Claims, Vec<Finding>> {
    verifier.appraise(evidence, &REPORT_DATA, SystemTime::now()).map_err(|rejection| {
        assert!(!rejection.findings.is_empty(), "a rejection must say why");
        rejection.findings
    })
}

pub(crate) fn evidence(document: &Document) -> Evidence {
    simulated(document.encode())
}

/// Any bytes as evidence.
pub(crate) fn simulated(document: Vec<u8>) -> Evidence {
    Evidence { evidence_type: EvidenceType::Simulated, document }
}

/// A protobuf field of bytes (protobuf encoding guide), to be appended to a message. A second occurrence of a
/// message is merged into the first.
pub(crate) fn message_field(number: u8, content: &[u8]) -> Vec<u8> {
    let varint = |number: usize| [number as u8 | 0x80, (number >> 7) as u8];
    [&varint(usize::from(number) << 3 | 2)[..], &varint(content.len()), content].concat()
}

/// The evidence must be refused for what is told about its document, word for word.
#[track_caller]
pub(crate) fn unreadable(document: Vec<u8>, reason: &str) {
    let findings = refused_by(&verifier(reference()), &simulated(document), &["attestation document"]);
    assert_eq!(findings[0].expected, "a well-formed SNP report");
    assert_eq!(findings[0].found, reason);
}

/// The evidence must be refused, for a reason in exactly the fields named.
#[track_caller]
pub(crate) fn refused_by(verifier: &SnpVerifier, evidence: &Evidence, fields: &[&str]) -> Vec<Finding> {
    let findings = appraise(verifier, evidence).expect_err("the evidence was accepted");
    let found: Vec<_> = findings.iter().map(|finding| finding.field.as_str()).collect();
    assert_eq!(found, fields, "{findings:#?}");
    findings
}

#[track_caller]
pub(crate) fn refused(builder: ReportBuilder<'_>, fields: &[&str]) -> Vec<Finding> {
    refused_by(&verifier(reference()), &builder.evidence().unwrap(), fields)
}

/// The evidence must be refused for one reason, with these words about what was found.
#[track_caller]
pub(crate) fn refused_saying(builder: ReportBuilder<'_>, field: &str, words: &str) {
    let findings = refused(builder, &[field]);
    assert!(findings[0].found.contains(words), "{words:?} is not in {:?}", findings[0].found);
}

#[track_caller]
pub(crate) fn accepted(builder: ReportBuilder<'_>) {
    appraise(&verifier(reference()), &builder.evidence().unwrap()).unwrap();
}

/// The public half of a fresh P-384 key, as DER SubjectPublicKeyInfo.
pub(crate) fn other_public_key() -> Vec<u8> {
    let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    spki.as_ref().to_vec()
}
