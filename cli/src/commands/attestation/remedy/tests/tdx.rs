//! What a captured quote says, as it is and altered. The library shows how what only Intel could sign is told.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use contrast_attestation::{
    Cause, CollateralSource, Evidence, EvidenceType, Finding, Missing, NoCollateral, Rejection, ReportData,
    Verifier as _,
    snp::{Product, SigningKey, TcbParts},
    tdx::{Collateral, CollateralParts, Document, PckCa, Quote, ReferenceValues, TdxVerifier, TrustRoot},
};

use super::advises;
use captures::captured;

#[expect(dead_code, reason = "the bundle is for other tests")]
#[path = "../../../../../tests/captures/mod.rs"]
mod captures;

/// 2025-07-01, when the captured collateral was good.
const IN_TIME: Duration = Duration::from_secs(1_751_328_000);

struct Capture {
    quote: Quote,
    collateral: CollateralParts,
}

/// A source with this collateral for every platform.
struct One(Arc<Collateral>);

impl CollateralSource for One {
    fn snp_crl(&self, product: Product, kind: SigningKey) -> Result<Arc<[u8]>, Missing> {
        NoCollateral.snp_crl(product, kind)
    }

    fn snp_vcek(&self, product: Product, chip_id: &[u8; 64], tcb: TcbParts) -> Result<Arc<[u8]>, Missing> {
        NoCollateral.snp_vcek(product, chip_id, tcb)
    }

    fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
        Ok(self.0.clone())
    }
}

impl Capture {
    fn open() -> Option<Self> {
        let quote = Document::from_platform(&captured("tdx/quote-v4.bin")?).unwrap().quote;
        let collateral = serde_json::from_slice(&captured("tdx/quote-v4-collateral.json")?).unwrap();
        Some(Self { quote, collateral })
    }

    fn collateral(&self) -> Arc<dyn CollateralSource> {
        Arc::new(One(Arc::new(Collateral::new(self.collateral.clone()).unwrap())))
    }

    /// What the quote shows, so that it is accepted.
    fn reference(&self) -> ReferenceValues {
        let body = &self.quote.body;
        ReferenceValues {
            mr_td: body.mr_td,
            mr_seam: body.mr_seam,
            rtmrs: body.rtmrs,
            xfam: body.xfam,
            minimum_tcb_evaluation_data_number: None,
            allowed_piids: Vec::new(),
            memory_integrity: false,
            smt_disabled: false,
            static_platform: false,
            allowed_host_data: [[0; 32]].into(),
        }
    }

    fn verifier(&self) -> TdxVerifier {
        TdxVerifier::new("tdx-3", self.reference(), self.collateral())
    }

    fn rejection(&self, verifier: &TdxVerifier, change: impl FnOnce(&mut Quote)) -> Rejection {
        let mut quote = self.quote.clone();
        let report_data = ReportData(quote.body.report_data);
        change(&mut quote);
        let document = Document::from_platform(&quote.encode()).unwrap().encode();
        let evidence = Evidence { evidence_type: EvidenceType::Tdx, document };
        verifier.appraise(&evidence, &report_data, UNIX_EPOCH + IN_TIME).unwrap_err()
    }

    #[track_caller]
    fn edited(&self, change: impl FnOnce(&mut Quote), field: &str, value: &str, step: &str) {
        let path = match value {
            "" | "Policies" => value.to_owned(),
            value => format!("ReferenceValues.tdx[3].{value}"),
        };
        advises(self.rejection(&self.verifier(), change), field, &path, step);
    }

    #[track_caller]
    fn asked(&self, change: impl FnOnce(&mut ReferenceValues), field: &str, value: &str, step: &str) {
        let mut reference = self.reference();
        change(&mut reference);
        let verifier = TdxVerifier::new("tdx-3", reference, self.collateral());
        advises(self.rejection(&verifier, |_| {}), field, &format!("ReferenceValues.tdx[3].{value}"), step);
    }
}

#[test]
fn each_field_of_a_quote_leads_to_its_value_and_remedy() {
    let Some(capture) = Capture::open() else { return };
    for (field, value, step, change) in [
        ("REPORT_DATA", "", "proxy in between", (|quote| quote.body.report_data = [9; 64]) as fn(&mut Quote)),
        ("MR_CONFIG_ID", "Policies", "resource files", |quote| quote.body.mr_config_id = [9; 48]),
        ("QE_VENDOR_ID", "", "Intel's quoting enclave", |quote| quote.header.qe_vendor_id = [9; 16]),
        ("MR_SEAM", "MrSeam", "TDX module", |quote| quote.body.mr_seam = [9; 48]),
        ("MR_SIGNER_SEAM", "", "TDX module", |quote| quote.body.mr_signer_seam = [9; 48]),
        ("SEAM_ATTRIBUTES", "", "TDX module", |quote| quote.body.seam_attributes = [9; 8]),
        ("TD_ATTRIBUTES.DEBUG", "", "runtime", |quote| quote.body.td_attributes[0] |= 1),
        ("TD_ATTRIBUTES", "", "runtime", |quote| quote.body.td_attributes[7] |= 1),
        ("XFAM", "Xfam", "runtime", |quote| quote.body.xfam[7] ^= 1),
        ("MR_TD", "MrTd", "image", |quote| quote.body.mr_td = [9; 48]),
        ("RTMR3", "Rtmrs", "image", |quote| quote.body.rtmrs[3] = [9; 48]),
        ("SIGNATURE", "", "do not use the evidence", |quote| quote.signature[0] ^= 1),
    ] {
        capture.edited(change, &format!("quote field {field}"), value, step);
    }
}

#[test]
fn each_wish_about_the_platform_leads_to_its_value() {
    let Some(capture) = Capture::open() else { return };
    let collateral = "TCB evaluation data number of the collateral";
    for (field, value, step, change) in [
        (
            collateral,
            "MinTCBEvaluationDataNumber",
            "newer",
            (|reference| reference.minimum_tcb_evaluation_data_number = Some(99)) as fn(&mut ReferenceValues),
        ),
        ("PCK certificate field SGX Type", "MemoryIntegrity", "platform", |reference| {
            reference.memory_integrity = true;
        }),
        ("PCK certificate field SMT Enabled", "SMTDisabled", "platform", |reference| {
            reference.smt_disabled = true;
        }),
        ("PCK certificate field Dynamic Platform", "StaticPlatform", "platform", |reference| {
            reference.static_platform = true;
        }),
        ("PCK certificate field Platform Instance ID", "AllowedPIIDs", "if it is yours", |reference| {
            reference.allowed_piids = vec![[9; 16]];
        }),
    ] {
        capture.asked(change, field, value, step);
    }
}

#[test]
fn a_key_that_nothing_vouches_for_is_told_from_an_enclave_that_breaks_a_rule() {
    let Some(capture) = Capture::open() else { return };
    let field = "QE report field REPORTDATA";
    capture.edited(sign_with_a_key_of_ones_own, field, "", "do not use the machine");
    capture.edited(|quote| quote.qe_report_signature[0] ^= 1, "quote", "", "if that does not help");
}

/// As anybody can who has the rest of a quote.
fn sign_with_a_key_of_ones_own(quote: &mut Quote) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    quote.attestation_key.copy_from_slice(&key.public_key().as_ref()[1..]);
    let signature = key.sign(&SystemRandom::new(), &quote.signed_bytes()).unwrap();
    quote.signature.copy_from_slice(signature.as_ref());
}

/// Only Intel could sign what leads to these, so that the findings are those of the library's own tests.
#[test]
fn an_old_or_revoked_platform_has_remedies_too() {
    for (cause, field, value, step) in [
        (Cause::PlatformTcb, "platform TCB status", "", "BIOS"),
        (Cause::PlatformTcb, "current platform TCB status", "", "BIOS"),
        (Cause::PlatformTcb, "TCB status", "", "BIOS"),
        (Cause::QuotingEnclaveTcb, "quoting enclave TCB status", "", "DCAP"),
        (Cause::ServiceTd, "quote field MR_SERVICE_TD", "", "runtime"),
        (Cause::Revoked, "PCK certificate", "", "do not use the machine"),
        (Cause::Revoked, "PCK CA certificate", "", "do not use the machine"),
        (Cause::Revoked, "collateral", "", "do not use the machine"),
        (Cause::CollateralFaulty, "collateral for FMSPC", "", "fetch the collateral again"),
        (Cause::CollateralFaulty, "collateral for PCE ID", "", "fetch the collateral again"),
        (Cause::CollateralFaulty, "PCK certificate issuer", "", "fetch the collateral again"),
        (Cause::PlatformUnnamed, "PCK certificate field Platform Instance ID", "AllowedPIIDs", "platform CA"),
    ] {
        let finding =
            Finding { cause, field: field.to_owned(), expected: String::new(), found: String::new() };
        let path = if value.is_empty() { String::new() } else { format!("ReferenceValues.tdx[3].{value}") };
        advises(Rejection { verifier: "tdx-3".to_owned(), findings: vec![finding] }, field, &path, step);
    }
}

#[test]
fn collateral_is_fetched_if_it_is_missing_forged_or_stale() {
    let Some(mut capture) = Capture::open() else { return };
    let verifier = TdxVerifier::new("tdx-3", capture.reference(), Arc::new(NoCollateral));
    let field = "collateral for FMSPC b0c06f000000 (platform CA)";
    advises(capture.rejection(&verifier, |_| {}), field, "", "--fmspc");

    let document = Document::from_platform(&capture.quote.encode()).unwrap().encode();
    let evidence = Evidence { evidence_type: EvidenceType::Tdx, document };
    let report_data = ReportData(capture.quote.body.report_data);
    let at = |now: SystemTime| capture.verifier().appraise(&evidence, &report_data, now).unwrap_err();
    advises(at(UNIX_EPOCH), "TCB info validity", "", "fetch the collateral again");
    advises(at(UNIX_EPOCH), "PCK certificate validity", "", "check the clock of this machine");

    capture.collateral.tcb_info_signature[0] ^= 1;
    capture.edited(|_| {}, "collateral", "", "from Intel itself");
}

#[test]
fn a_pck_chain_under_another_root_is_told_from_a_broken_one() {
    let Some(capture) = Capture::open() else { return };
    let field = "PCK certificate chain";
    let foreign = capture.verifier().with_root(TrustRoot::Other(Arc::from(&b"another"[..])));
    advises(capture.rejection(&foreign, |_| {}), field, "", "production hardware");
    capture.edited(|quote| quote.pck_chain.truncate(9), field, "", "delete the certificates");
}

#[test]
fn a_list_of_policies_is_counted_and_the_nearest_one_named() {
    let Some(capture) = Capture::open() else { return };
    let meant: [u8; 32] = std::array::from_fn(|place| if place < 16 { 7 } else { 8 });
    let reference = ReferenceValues { allowed_host_data: [[9; 32], meant].into(), ..capture.reference() };
    let verifier = TdxVerifier::new("tdx-3", reference, capture.collateral());
    let rejection = capture.rejection(&verifier, |quote| quote.body.mr_config_id[..32].fill(7));
    let mut findings = rejection.findings.iter();
    let finding = findings.find(|finding| finding.field == "quote field MR_CONFIG_ID").unwrap();
    let nearest = hex::encode(meant);
    let expected = format!("one of 2 allowed policy hashes, the nearest is {nearest}, then 16 zero bytes");
    assert_eq!(finding.expected, expected);
}
