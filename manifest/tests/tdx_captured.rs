//! A manifest with an entry for a TDX platform, and a quote that this platform made.
//!
//! The captures are not part of this repository. They are looked for in the directory that
//! `CONTRAST_SHARED_DATA` names, by default next to the repository. In CI they must be there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use contrast_attestation::{
    Claims, CollateralSource, Evidence, EvidenceType, Missing, Rejection, ReportData, Verifier,
    snp::{Product, SigningKey, TcbParts},
    tdx::{Collateral, Document, PckCa},
};
use contrast_manifest::{Audience, ManifestDocument};
use serde_json::{Value, json};

/// 2025-07-01: the collateral is valid from 2025-06-19 to 2025-07-19.
const IN_JULY: Duration = Duration::from_secs(1_751_328_000);
/// The host data of the quote.
const POLICY: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const COORDINATOR: &str = "2222222222222222222222222222222222222222222222222222222222222222";

struct Capture {
    document: Document,
    collateral: Arc<dyn CollateralSource>,
}

/// `None`, after a message, if there are no captures and this is not CI.
fn capture() -> Option<Capture> {
    let dir = env::var_os("CONTRAST_SHARED_DATA")
        .map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
            PathBuf::from,
        )
        .join("tdx");
    let quote = dir.join("quote-v4.bin");
    if !quote.exists() {
        assert!(env::var_os("CI").is_none(), "{} does not exist, which CI must have", quote.display());
        eprintln!("skipped: {} does not exist", quote.display());
        return None;
    }
    let collateral = fs::read(dir.join("quote-v4-collateral.json")).unwrap();
    Some(Capture {
        document: Document::from_platform(&fs::read(quote).unwrap()).unwrap(),
        collateral: Arc::new(One(Arc::new(Collateral::parse(&collateral).unwrap()))),
    })
}

/// Collateral for whoever asks.
struct One(Arc<Collateral>);

impl CollateralSource for One {
    fn snp_crl(&self, _: Product, _: SigningKey) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn snp_vcek(&self, _: Product, _: &[u8; 64], _: TcbParts) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
        Ok(self.0.clone())
    }
}

impl Capture {
    /// An entry that fits the platform.
    fn entry(&self) -> Value {
        let body = &self.document.quote.body;
        json!({
            "MrTd": hex::encode(body.mr_td),
            "MrSeam": hex::encode(body.mr_seam),
            "Rtmrs": body.rtmrs.map(hex::encode),
            "Xfam": hex::encode(body.xfam),
            "MinTCBEvaluationDataNumber": 17,
            "AllowedPIIDs": ["07828474603e7019dc930775ffe8cdd2"],
        })
    }

    fn appraise(&self, verifier: &dyn Verifier) -> Result<Claims, Rejection> {
        let evidence = Evidence { evidence_type: EvidenceType::Tdx, document: self.document.encode() };
        let report_data = ReportData(self.document.quote.body.report_data);
        verifier.appraise(&evidence, &report_data, SystemTime::UNIX_EPOCH + IN_JULY)
    }
}

fn manifest(entries: Value) -> ManifestDocument {
    let manifest = json!({
        "Policies": {
            POLICY: { "SANs": ["shop"] },
            COORDINATOR: { "SANs": ["coordinator"], "Role": "coordinator" },
        },
        "ReferenceValues": { "tdx": entries },
    });
    ManifestDocument::parse(manifest.to_string().into_bytes()).unwrap()
}

#[test]
fn the_entry_that_fits_accepts_the_quote() {
    let Some(capture) = capture() else { return };
    let mut other = capture.entry();
    other["MrTd"] = json!("55".repeat(48));
    let document = manifest(json!([other, capture.entry()]));
    let verifiers = document.manifest().verifiers_with(Audience::AnyPod, &capture.collateral);
    let [other, fitting] = &verifiers[..] else { panic!("one verifier for each entry") };
    assert_eq!(capture.appraise(&**other).unwrap_err().findings[0].field, "quote field MR_TD");
    let claims = capture.appraise(&**fitting).unwrap();
    assert_eq!((claims.accepted_by.as_str(), claims.host_data), ("tdx-1", [0; 32]));
}

#[test]
fn every_value_of_the_entry_counts() {
    let Some(capture) = capture() else { return };
    let zeros = "00".repeat(48);
    for (member, value, field) in [
        ("MrTd", json!(zeros), "quote field MR_TD"),
        ("MrSeam", json!(zeros), "quote field MR_SEAM"),
        ("Rtmrs", json!([zeros, zeros, zeros, zeros]), "quote field RTMR0"),
        ("Xfam", json!("e702070000000000"), "quote field XFAM"),
        ("MinTCBEvaluationDataNumber", json!(18), "TCB evaluation data number of the collateral"),
        ("AllowedPIIDs", json!(["cd".repeat(16)]), "PCK certificate field Platform Instance ID"),
        ("MemoryIntegrity", json!(true), "PCK certificate field SGX Type"),
        ("SMTDisabled", json!(true), "PCK certificate field SMT Enabled"),
        ("StaticPlatform", json!(true), "PCK certificate field Dynamic Platform"),
    ] {
        let mut entry = capture.entry();
        entry[member] = value;
        let document = manifest(json!([entry]));
        let verifiers = document.manifest().verifiers_with(Audience::AnyPod, &capture.collateral);
        let rejection = capture.appraise(&*verifiers[0]).unwrap_err();
        assert_eq!(rejection.findings[0].field, field, "{rejection}");
    }
}

#[test]
fn a_pod_that_is_not_the_coordinator_is_not_taken_for_it() {
    let Some(capture) = capture() else { return };
    let document = manifest(json!([capture.entry()]));
    let verifiers = document.manifest().verifiers_with(Audience::Coordinator, &capture.collateral);
    let rejection = capture.appraise(&*verifiers[0]).unwrap_err();
    assert_eq!(rejection.findings.len(), 1);
    assert_eq!(rejection.findings[0].field, "quote field MR_CONFIG_ID");
}

#[test]
fn without_a_source_the_quote_is_refused_because_there_is_no_collateral() {
    let Some(capture) = capture() else { return };
    let document = manifest(json!([capture.entry()]));
    let verifiers = document.manifest().verifiers(Audience::AnyPod);
    let rejection = capture.appraise(&*verifiers[0]).unwrap_err();
    assert!(rejection.to_string().contains("no collateral"), "{rejection}");
}
