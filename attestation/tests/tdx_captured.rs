//! A quote that a TDX platform made, with Intel's collateral from that time.
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
    ClaimValue, Claims, CollateralSource, Evidence, EvidenceType, Finding, Missing, NoCollateral, ReportData,
    Verifier,
    snp::{Product, SigningKey, TcbParts},
    tdx::{
        Collateral, CollateralParts, Document, PckCa, Quote, QuoteError, ReferenceValues, TdxVerifier,
        TrustRoot,
    },
};
use proptest::prelude::*;

/// 2025-07-01: TCB info, QE identity and PCK revocation list are valid from 2025-06-19 to 2025-07-19.
const IN_JULY: Duration = Duration::from_secs(1_751_328_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Capture {
    quote: Vec<u8>,
    collateral: Vec<u8>,
}

/// `None`, after a message, if there are no captures and this is not CI.
fn capture() -> Option<Capture> {
    let dir = env::var_os("CONTRAST_SHARED_DATA")
        .map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
            PathBuf::from,
        )
        .join("tdx");
    let (quote, collateral) = (dir.join("quote-v4.bin"), dir.join("quote-v4-collateral.json"));
    if !quote.exists() {
        assert!(env::var_os("CI").is_none(), "{} does not exist, which CI must have", quote.display());
        eprintln!("skipped: {} does not exist", quote.display());
        return None;
    }
    Some(Capture { quote: fs::read(quote).unwrap(), collateral: fs::read(collateral).unwrap() })
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
    fn document(&self) -> Document {
        Document::from_platform(&self.quote).unwrap()
    }

    fn collateral(&self) -> Collateral {
        Collateral::parse(&self.collateral).unwrap()
    }

    fn source(&self) -> Arc<dyn CollateralSource> {
        Arc::new(One(Arc::new(self.collateral())))
    }

    /// What the quote shows.
    fn reference(&self) -> ReferenceValues {
        let body = self.document().quote.body;
        ReferenceValues {
            mr_td: body.mr_td,
            mr_seam: body.mr_seam,
            rtmrs: body.rtmrs,
            xfam: body.xfam,
            minimum_tcb_evaluation_data_number: Some(17),
            allowed_piids: vec![hex::decode("07828474603e7019dc930775ffe8cdd2").unwrap().try_into().unwrap()],
            memory_integrity: false,
            smt_disabled: false,
            static_platform: false,
            allowed_host_data: [[0; 32]].into(),
        }
    }

    fn report_data(&self) -> ReportData {
        ReportData(self.document().quote.body.report_data)
    }

    fn appraise(&self, document: &Document, reference: ReferenceValues, at: Duration) -> Outcome {
        self.appraise_with(document, reference, self.source(), at)
    }

    fn appraise_with(
        &self,
        document: &Document,
        reference: ReferenceValues,
        source: Arc<dyn CollateralSource>,
        at: Duration,
    ) -> Outcome {
        let evidence = Evidence { evidence_type: EvidenceType::Tdx, document: document.encode() };
        TdxVerifier::new("tdx-0", reference, source)
            .appraise(&evidence, &self.report_data(), SystemTime::UNIX_EPOCH + at)
            .map_err(|rejection| rejection.findings)
    }
}

type Outcome = Result<Claims, Vec<Finding>>;

fn fields(outcome: Outcome) -> Vec<String> {
    outcome.unwrap_err().into_iter().map(|finding| finding.field).collect()
}

#[test]
fn a_captured_quote_is_accepted_with_fitting_reference_values() {
    let Some(capture) = capture() else { return };
    let claims = capture.appraise(&capture.document(), capture.reference(), IN_JULY).unwrap();
    assert_eq!(claims.evidence_type, EvidenceType::Tdx);
    assert_eq!(claims.accepted_by, "tdx-0");
    assert_eq!(claims.host_data, [0; 32]);
    // Arcs 1 to 47 without 28.
    assert!(claims.values.iter().map(|(arc, _)| *arc).eq((1..=27).chain(29..=47)));
    let claim =
        |arc: u64| claims.values.iter().find(|(known, _)| *known == arc).map(|(_, value)| value.clone());
    assert_eq!(claim(1), Some(ClaimValue::Integer(4)));
    assert_eq!(claim(23), Some(ClaimValue::Integer(4300)));
    assert_eq!(claim(14), Some(ClaimValue::Bytes(capture.reference().mr_td.to_vec())));
}

#[test]
fn the_quote_survives_the_document_byte_for_byte() {
    let Some(capture) = capture() else { return };
    let document = capture.document();
    let quote = document.quote.encode();
    assert!(capture.quote.starts_with(&quote));
    assert_eq!(Quote::parse(&quote).unwrap(), document.quote);
    assert_eq!(contrast_attestation::tdx::document::parse(&document.encode()).unwrap(), document);
    // What the platform left behind the quote is refused by those who want a quote and nothing else.
    let trailing = Quote::parse(&capture.quote).unwrap_err();
    assert_eq!(trailing, QuoteError::Trailing { part: "quote", length: 70 });
}

#[test]
fn every_changed_reference_value_is_told_by_name() {
    let Some(capture) = capture() else { return };
    type Change = fn(&mut ReferenceValues);
    let changes: [(Change, &str); 14] = [
        (|values| values.mr_td[0] ^= 1, "quote field MR_TD"),
        (|values| values.mr_seam[47] ^= 1, "quote field MR_SEAM"),
        (|values| values.rtmrs[0][0] ^= 1, "quote field RTMR0"),
        (|values| values.rtmrs[1][1] ^= 1, "quote field RTMR1"),
        (|values| values.rtmrs[2][2] ^= 1, "quote field RTMR2"),
        (|values| values.rtmrs[3][3] ^= 1, "quote field RTMR3"),
        (|values| values.xfam[0] ^= 1, "quote field XFAM"),
        (|values| values.allowed_host_data = [[1; 32]].into(), "quote field MR_CONFIG_ID"),
        (|values| values.allowed_host_data = Default::default(), "quote field MR_CONFIG_ID"),
        (|values| values.allowed_piids = vec![[0; 16]], "PCK certificate field Platform Instance ID"),
        (|values| values.memory_integrity = true, "PCK certificate field SGX Type"),
        (|values| values.smt_disabled = true, "PCK certificate field SMT Enabled"),
        (|values| values.static_platform = true, "PCK certificate field Dynamic Platform"),
        (
            |values| values.minimum_tcb_evaluation_data_number = Some(18),
            "TCB evaluation data number of the collateral",
        ),
    ];
    for (change, field) in changes {
        let mut reference = capture.reference();
        change(&mut reference);
        let outcome = capture.appraise(&capture.document(), reference, IN_JULY);
        assert_eq!(fields(outcome), [field]);
    }
}

#[test]
fn every_changed_field_of_the_quote_is_told_by_name() {
    let Some(capture) = capture() else { return };
    type Change = fn(&mut Quote);
    // The signature no longer fits either, and Intel's rules have their say where they care.
    let changes: [(Change, &str); 11] = [
        (|quote| quote.body.mr_td[0] ^= 1, "quote field MR_TD"),
        (|quote| quote.body.mr_seam[0] ^= 1, "quote field MR_SEAM"),
        (|quote| quote.body.mr_signer_seam[0] ^= 1, "quote field MR_SIGNER_SEAM"),
        (|quote| quote.body.seam_attributes[0] ^= 1, "quote field SEAM_ATTRIBUTES"),
        (|quote| quote.body.td_attributes[0] ^= 1, "quote field TD_ATTRIBUTES.DEBUG"),
        (|quote| quote.body.td_attributes[7] ^= 1, "quote field TD_ATTRIBUTES"),
        (|quote| quote.body.xfam[3] ^= 1, "quote field XFAM"),
        (|quote| quote.body.mr_config_id[0] ^= 1, "quote field MR_CONFIG_ID"),
        (|quote| quote.body.mr_config_id[47] ^= 1, "quote field MR_CONFIG_ID"),
        (|quote| quote.body.report_data[0] ^= 1, "quote field REPORT_DATA"),
        (|quote| quote.header.qe_vendor_id[0] ^= 1, "quote field QE_VENDOR_ID"),
    ];
    for (change, field) in changes {
        let mut document = capture.document();
        change(&mut document.quote);
        let outcome = fields(capture.appraise(&document, capture.reference(), IN_JULY));
        assert!(outcome.iter().any(|found| found == field), "{field} is not in {outcome:?}");
        assert!(
            outcome.iter().any(|found| found == "quote field SIGNATURE" || found == "quote"),
            "{outcome:?}"
        );
    }
}

#[test]
fn evidence_is_valid_only_while_its_collateral_is() {
    let Some(capture) = capture() else { return };
    let at = |time| fields(capture.appraise(&capture.document(), capture.reference(), time));
    assert_eq!(
        at(IN_JULY + 30 * DAY),
        ["PCK revocation list validity", "TCB info validity", "QE identity validity"]
    );
    assert_eq!(
        at(IN_JULY - 30 * DAY),
        ["PCK revocation list validity", "TCB info validity", "QE identity validity"]
    );
    // After its root's revocation list; and after the PCK certificate.
    assert!(at(IN_JULY + 365 * DAY).contains(&"root CA revocation list validity".to_owned()));
    assert!(at(IN_JULY + 8 * 365 * DAY).contains(&"PCK certificate validity".to_owned()));
}

#[test]
fn without_collateral_the_quote_is_refused_with_the_platform_that_is_missing() {
    let Some(capture) = capture() else { return };
    let source = Arc::new(NoCollateral);
    let outcome = capture.appraise_with(&capture.document(), capture.reference(), source, IN_JULY);
    let findings = outcome.unwrap_err();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].field, "collateral for FMSPC b0c06f000000 (platform CA)");
    assert!(findings[0].found.starts_with("no collateral"), "{findings:?}");
}

#[test]
fn collateral_of_intel_verifies_and_every_changed_part_does_not() {
    let Some(capture) = capture() else { return };
    let collateral = capture.collateral();
    collateral.verify(&TrustRoot::Intel).unwrap();
    assert_eq!(collateral.fmspc(), [0xB0, 0xC0, 0x6F, 0, 0, 0]);
    assert_eq!(collateral.ca(), PckCa::Platform);
    assert_eq!(collateral.tcb_evaluation_data_number(), 17);

    type Change = fn(&mut CollateralParts);
    let changes: [Change; 9] = [
        |parts| *parts.root_ca_crl.last_mut().unwrap() ^= 1,
        |parts| *parts.pck_crl.last_mut().unwrap() ^= 1,
        |parts| parts.tcb_info = parts.tcb_info.replace(r#""isvsvn":3"#, r#""isvsvn":1"#),
        |parts| parts.tcb_info_signature[0] ^= 1,
        |parts| parts.tcb_info_signature.push(0),
        |parts| parts.qe_identity = parts.qe_identity.replace(r#""isvprodid":2"#, r#""isvprodid":1"#),
        |parts| parts.qe_identity_signature[63] ^= 1,
        |parts| parts.tcb_info_issuer_chain = parts.pck_crl_issuer_chain.clone(),
        |parts| parts.qe_identity_issuer_chain = parts.pck_crl_issuer_chain.clone(),
    ];
    for change in changes {
        let mut parts = collateral.parts().clone();
        change(&mut parts);
        assert_ne!(&parts, collateral.parts());
        let changed = Collateral::new(parts).unwrap();
        let fault = changed.verify(&TrustRoot::Intel).unwrap_err();
        let source = Arc::new(One(Arc::new(changed)));
        let outcome = capture.appraise_with(&capture.document(), capture.reference(), source, IN_JULY);
        let findings = outcome.unwrap_err();
        assert_eq!(findings[0].field, "collateral");
        assert_eq!(findings[0].found, fault.to_string());
    }
}

#[test]
fn collateral_survives_its_json_form() {
    let Some(capture) = capture() else { return };
    let collateral = capture.collateral();
    let json = serde_json::to_vec(collateral.parts()).unwrap();
    assert_eq!(Collateral::parse(&json).unwrap().digest(), collateral.digest());
}

#[test]
fn bits_for_control_flow_enforcement_do_not_matter() {
    let Some(capture) = capture() else { return };
    let mut reference = capture.reference();
    reference.xfam[1] ^= 0b0001_1000;
    capture.appraise(&capture.document(), reference, IN_JULY).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn evidence_with_any_change_is_refused(position in any::<prop::sample::Index>(), change in 1_u8..) {
        let Some(capture) = capture() else { return Ok(()) };
        let mut bytes = capture.document().encode();
        let position = position.index(bytes.len());
        bytes[position] ^= change;
        let evidence = Evidence { evidence_type: EvidenceType::Tdx, document: bytes };
        let outcome = TdxVerifier::new("tdx-0", capture.reference(), capture.source())
            .appraise(&evidence, &capture.report_data(), SystemTime::UNIX_EPOCH + IN_JULY);
        prop_assert!(outcome.is_err(), "byte {position} has no effect");
    }

    #[test]
    fn collateral_with_any_change_is_refused(position in any::<prop::sample::Index>(), change in 1_u8..) {
        let Some(capture) = capture() else { return Ok(()) };
        let json = &capture.collateral;
        let position = position.index(json.len());
        let mut changed = json.clone();
        changed[position] ^= change;
        // White space and the case of hex digits between the parts carry nothing; `\\r` ends a line of PEM as `\\n` does.
        let unified = |json: &[u8]| String::from_utf8_lossy(json).replace("\\r", "\\n");
        let same = |parts: &CollateralParts| {
            parts == capture.collateral().parts() || unified(&changed) == unified(json)
        };
        match serde_json::from_slice(&changed) {
            Ok(parts) if same(&parts) => {}
            _ => {
                let verified = Collateral::parse(&changed).is_ok_and(|changed| changed.verify(&TrustRoot::Intel).is_ok());
                prop_assert!(!verified, "byte {position} has no effect");
            }
        }
    }

    #[test]
    fn quotes_that_are_cut_or_garbage_are_refused(
        length in any::<prop::sample::Index>(),
        garbage in prop::collection::vec(any::<u8>(), 0..2048),
    ) {
        prop_assert!(Quote::parse(&garbage).is_err());
        let Some(capture) = capture() else { return Ok(()) };
        let quote = capture.document().quote.encode();
        prop_assert!(Quote::parse(&quote[..length.index(quote.len())]).is_err());
    }
}
