//! Appraisals per second on one core, each for evidence that was not seen before, on a platform that was.

use std::{
    env, fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    },
};
use contrast_attestation::{
    CollateralSource, Evidence, EvidenceType, Missing, ReportData, Verifier,
    simulated::{Hierarchy, Processor},
    snp::{Product, ReferenceValues, Report, Revocation, SigningKey, SnpVerifier, TcbParts},
    tdx::{self, AwsLc, Collateral, PckCa, TdxVerifier},
};
use dcap_qvl::{QuoteCollateralV3, verify::QuoteVerifier};

use crate::table::{Bound, Row, median};

/// Ours and the other side take turns, so that both meet the same machine.
const ROUNDS: usize = 15;
const PERIOD: Duration = Duration::from_millis(200);
const HOST_DATA: [u8; 32] = [1; 32];
/// 2025-07-01: the captured collateral is valid from 2025-06-19 to 2025-07-19.
const IN_JULY: u64 = 1_751_328_000;

/// Both kinds of evidence. That of TDX needs a captured quote, since nobody can make one.
pub(crate) fn appraisals() -> Vec<Row> {
    [Some(snp()), tdx()].into_iter().flatten().collect()
}

/// The report of SNP layout with its whole chain and a revocation list, which is required.
fn snp() -> Row {
    let hierarchy = Hierarchy::generate(Product::Genoa).expect("keys can be made");
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    let list = hierarchy.revocation_list(&[], now - hour, now + hour).expect("it can be signed");
    let processor = Processor::new(&hierarchy).expect("keys can be made");
    let reference = ReferenceValues { allowed_host_data: [HOST_DATA].into(), ..processor.reference_values() };
    let verifier = SnpVerifier::new("simulated-0", reference, processor.trust_anchor())
        .with_revocation(Revocation::Required);
    let evidence: Vec<(Evidence, ReportData)> = (0..=u8::MAX)
        .map(|number| {
            let report_data = ReportData([number; 64]);
            let report = processor
                .report_builder(HOST_DATA, report_data)
                .endorse(|endorsements| endorsements.revocation_list = list.clone());
            (report.evidence().expect("it can be signed"), report_data)
        })
        .collect();
    let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).expect("there is randomness");
    let message = [7; Report::SIGNED_LENGTH];
    let signature = key.sign(&SystemRandom::new(), &message).expect("there is randomness");
    let mut turn = evidence.iter().cycle();
    let [ours, theirs] = in_turns(
        || {
            let (evidence, report_data) = turn.next().expect("there is always one");
            verifier.appraise(evidence, report_data, now).expect("it is accepted");
        },
        || {
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, key.public_key().as_ref())
                .verify(&message, signature.as_ref())
                .expect("it was just signed");
        },
    );
    Row {
        what: "appraisals of SNP evidence on one core, chain cached".into(),
        measured: format!("{ours:.0} per second"),
        against: format!("bare verification of a P-384 signature: {theirs:.0} per second"),
        value: ours / theirs,
        bound: Bound::Share(0.9),
    }
}

/// The captured quote, again and again: its platform is known, its signature is checked each time.
fn tdx() -> Option<Row> {
    let shared = env::var_os("CONTRAST_SHARED_DATA")
        .map_or_else(|| contrast_tests::workspace_root().join("../shared/data"), PathBuf::from);
    let read = |name: &str| fs::read(shared.join("tdx").join(name)).ok();
    let Some((quote, collateral)) = read("quote-v4.bin").zip(read("quote-v4-collateral.json")) else {
        eprintln!("skipped: {} has no captured TDX quote", shared.display());
        return None;
    };
    let document = tdx::Document::from_platform(&quote).expect("it is a quote");
    let source = Captured(Arc::new(Collateral::parse(&collateral).expect("it is collateral")));
    let body = &document.quote.body;
    let reference = tdx::ReferenceValues {
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
    };
    let verifier = TdxVerifier::new("tdx-0", reference, Arc::new(source));
    let report_data = ReportData(body.report_data);
    let evidence = Evidence { evidence_type: EvidenceType::Tdx, document: document.encode() };
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(IN_JULY);
    let theirs: QuoteCollateralV3 = serde_json::from_slice(&collateral).expect("it is collateral");
    let root = tdx::TrustRoot::Intel.certificate().to_vec();
    let other = QuoteVerifier::<AwsLc>::new_with_config(root);
    let [ours, theirs] = in_turns(
        || {
            verifier.appraise(&evidence, &report_data, at).expect("it is accepted");
        },
        || {
            other.verify(&quote, &theirs, IN_JULY).expect("it is accepted");
        },
    );
    Some(Row {
        what: "appraisals of TDX evidence on one core, collateral verified before".into(),
        measured: format!("{ours:.0} per second"),
        against: format!("full verification by `dcap-qvl`: {theirs:.0} per second"),
        value: ours / theirs,
        bound: Bound::AtLeastTimes(3.0),
    })
}

/// How often each can be done in a second: medians over rounds.
fn in_turns(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> [f64; 2] {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (rates, work) in rates.iter_mut().zip([&mut ours as &mut dyn FnMut(), &mut theirs]) {
            let (begin, mut count) = (Instant::now(), 0_u32);
            while begin.elapsed() < PERIOD {
                work();
                count += 1;
            }
            rates.push(f64::from(count) / begin.elapsed().as_secs_f64());
        }
    }
    rates.map(median)
}

/// Collateral for whoever asks.
struct Captured(Arc<Collateral>);

impl CollateralSource for Captured {
    fn snp_crl(&self, _: Product, _: SigningKey) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn snp_vcek(&self, _: Product, _: &[u8; 64], _: TcbParts) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
        Ok(Arc::clone(&self.0))
    }
}
