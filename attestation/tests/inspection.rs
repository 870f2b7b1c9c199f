//! Evidence looked at without reference values: captured and simulated, whole and damaged.
//!
//! The captures are not part of this repository. They are looked for in the directory that
//! `CONTRAST_SHARED_DATA` names, by default next to the repository. In CI they must be there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, SystemTime},
};

use contrast_attestation::{
    Check, CollateralSource, Missing, NoCollateral, Origin, ReportData,
    simulated::{EndorsementTemplate, Hierarchy, Processor},
    snp::{self, Endorsements, InspectionRoot, Product, Report, SigningKey, TcbParts},
    tdx::{self, Collateral, PckCa, Quote, TrustRoot},
};

/// The VCEK of the capture is valid from 2022-09-24 to 2029-09-24.
const IN_2024: Duration = Duration::from_secs(1_704_067_200);
/// TCB info, QE identity and PCK revocation list of the capture are valid from 2025-06-19 to 2025-07-19.
const IN_JULY: Duration = Duration::from_secs(1_751_328_000);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// `None`, after a message, if there are no captures and this is not CI.
fn captured(name: &str) -> Option<Vec<u8>> {
    let path = env::var_os("CONTRAST_SHARED_DATA")
        .map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
            PathBuf::from,
        )
        .join(name);
    if !path.exists() {
        assert!(env::var_os("CI").is_none(), "{} does not exist, which CI must have", path.display());
        eprintln!("skipped: {} does not exist", path.display());
        return None;
    }
    Some(fs::read(path).unwrap())
}

/// A source with one chip's certificate and one platform's collateral.
struct Few {
    vcek: Vec<u8>,
    collateral: Option<Arc<Collateral>>,
}

impl CollateralSource for Few {
    fn snp_crl(&self, _: Product, _: SigningKey) -> Result<Arc<[u8]>, Missing> {
        Err(Missing::NotConfigured)
    }

    fn snp_vcek(&self, product: Product, _: &[u8; 64], _: TcbParts) -> Result<Arc<[u8]>, Missing> {
        if product == Product::Milan { Ok(self.vcek.as_slice().into()) } else { Err(Missing::NotCovered) }
    }

    fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
        self.collateral.clone().ok_or(Missing::NotCovered)
    }
}

/// The captured report, with its certificate, in 2024.
fn milan(change: impl FnOnce(&mut snp::Document)) -> Option<snp::Inspection> {
    let (report, vcek) = (captured("snp/milan-report-v2.bin")?, captured("snp/milan-vcek.der")?);
    let endorsements = Endorsements { vcek, ..Endorsements::default() };
    let mut document = snp::Document { report: Report::parse(&report).unwrap(), endorsements, product: None };
    change(&mut document);
    Some(at(&document, InspectionRoot::Amd, &NoCollateral, IN_2024))
}

fn at(
    document: &snp::Document,
    root: InspectionRoot,
    source: &dyn CollateralSource,
    at: Duration,
) -> snp::Inspection {
    snp::inspect(document, root, source, SystemTime::UNIX_EPOCH + at)
}

/// Chain, signature, belonging, validity, revocation.
fn snp_outcomes(inspection: &snp::Inspection) -> [&'static str; 5] {
    let snp::Inspection { chain, signature, belonging, certificate_validity, revocation, .. } = inspection;
    [chain, signature, belonging, certificate_validity, revocation].map(Check::outcome)
}

const V: &str = "verified";
const F: &str = "failed";
const N: &str = "not_checked";

#[test]
fn a_captured_milan_report_is_verified_as_far_as_there_is_something_to_verify_it_with() {
    let Some(inspection) = milan(|_| {}) else { return };
    assert_eq!(snp_outcomes(&inspection), [V, V, V, V, N], "{inspection:?}");
    assert_eq!(inspection.products, [Product::Milan]);
    let places: Vec<_> = inspection.certificates.iter().map(|it| (it.place.as_str(), it.origin)).collect();
    assert_eq!(places, [("VCEK", Origin::Evidence), ("ASK", Origin::Program), ("ARK", Origin::Program)]);
    let endorsement = inspection.endorsement.unwrap();
    assert_eq!(endorsement.product_name, "Milan-B0");
    assert_eq!(endorsement.tcb, TcbParts { bootloader: 2, tee: 0, snp: 5, microcode: 68, fmc: None });
}

#[test]
fn each_damage_to_a_report_fails_the_check_that_it_concerns() {
    type Change = fn(&mut snp::Document);
    let changes: [(&str, Change, [&str; 5]); 6] = [
        ("measurement", |it| it.report.measurement[0] ^= 1, [V, F, V, V, N]),
        ("chip", |it| it.report.chip_id[9] ^= 1, [V, F, F, V, N]),
        ("firmware", |it| it.report.reported_tcb += 1, [V, F, F, V, N]),
        ("certificate", |it| *it.endorsements.vcek.last_mut().unwrap() ^= 1, [F, N, N, N, N]),
        (
            "foreign root",
            |it| it.endorsements.ark = include_bytes!("../src/snp/roots/ark-genoa.der").to_vec(),
            [F, N, N, N, N],
        ),
        ("masked key", |it| it.report.signer_info = 0b10, [N, F, N, N, N]),
    ];
    for (name, change, expected) in changes {
        let Some(inspection) = milan(change) else { return };
        assert_eq!(snp_outcomes(&inspection), expected, "{name}: {inspection:?}");
    }
}

#[test]
fn a_report_without_its_certificate_is_not_checked_until_somebody_has_that() {
    let Some(vcek) = captured("snp/milan-vcek.der") else { return };
    let Some(bare) = milan(|document| document.endorsements.vcek.clear()) else { return };
    assert_eq!(snp_outcomes(&bare), [N; 5], "{bare:?}");
    // A report of version 2 does not say which line it is of, and these two have one layout.
    assert_eq!(bare.products, [Product::Milan, Product::Genoa]);
    let report = Report::parse(&captured("snp/milan-report-v2.bin").unwrap()).unwrap();
    let document = snp::Document { report, endorsements: Endorsements::default(), product: None };
    let source = Few { vcek, collateral: None };
    let inspection = at(&document, InspectionRoot::Amd, &source, IN_2024);
    assert_eq!(snp_outcomes(&inspection), [V, V, V, V, N], "{inspection:?}");
    assert_eq!(inspection.certificates[0].origin, Origin::Collateral);
    assert_eq!(inspection.products, [Product::Milan]);
    let later = at(&document, InspectionRoot::Amd, &source, IN_2024 + 6 * YEAR);
    assert_eq!(snp_outcomes(&later), [V, V, V, F, N], "{later:?}");
}

#[test]
fn vendors_are_asked_about_one_product_line_after_the_other() {
    /// Says of Milan that it is being fetched, or that there is none.
    struct Asked(Missing, Mutex<Vec<Product>>);
    impl CollateralSource for Asked {
        fn snp_crl(&self, _: Product, _: SigningKey) -> Result<Arc<[u8]>, Missing> {
            Err(Missing::BeingFetched)
        }

        fn snp_vcek(&self, product: Product, _: &[u8; 64], _: TcbParts) -> Result<Arc<[u8]>, Missing> {
            self.1.lock().unwrap().push(product);
            Err(self.0.clone())
        }

        fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
            Err(Missing::BeingFetched)
        }
    }
    let report = PROCESSOR.report_builder([1; 32], ReportData([7; 64])).version(2).sign().unwrap().report;
    let document = snp::Document { report, endorsements: Endorsements::default(), product: None };
    for (answer, expected) in [
        (Missing::BeingFetched, &[Product::Milan][..]),
        (Missing::NotFetched { reason: "404".to_owned() }, &[Product::Milan, Product::Genoa]),
    ] {
        let source = Asked(answer, Mutex::default());
        let inspection = at(&document, InspectionRoot::Amd, &source, IN_2024);
        assert_eq!(snp_outcomes(&inspection), [N; 5], "{inspection:?}");
        assert_eq!(*source.1.lock().unwrap(), expected);
    }
}

/// Making their RSA keys takes seconds.
static HIERARCHY: LazyLock<Hierarchy> = LazyLock::new(|| Hierarchy::generate(Product::Genoa).unwrap());
static PROCESSOR: LazyLock<Processor> = LazyLock::new(|| Processor::new(&HIERARCHY).unwrap());

fn simulated(change: impl FnOnce(&mut Endorsements)) -> snp::Inspection {
    let report = PROCESSOR.report_builder([1; 32], ReportData([7; 64])).endorse(change).sign().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    at(&report, InspectionRoot::OfTheEvidence, &NoCollateral, now)
}

/// The certificate of the processor's key, as it would be after `change`.
fn reissued(change: impl FnOnce(&mut EndorsementTemplate)) -> Vec<u8> {
    let mut template = EndorsementTemplate::new(
        Product::Genoa,
        PROCESSOR.tcb(),
        PROCESSOR.chip_id().to_vec(),
        PROCESSOR.public_key().unwrap(),
    );
    change(&mut template);
    HIERARCHY.issue(&template).unwrap()
}

#[test]
fn a_key_of_another_chip_firmware_or_line_does_not_belong_to_the_report() {
    type Change = fn(&mut EndorsementTemplate);
    let changes: [(&str, Change); 3] = [
        ("CHIP_ID", |template| template.hardware_id[0] ^= 1),
        ("REPORTED_TCB", |template| template.tcb.snp += 1),
        ("productName", |template| template.product_name = "Milan-B0".to_owned()),
    ];
    for (name, change) in changes {
        let vcek = reissued(change);
        let inspection = simulated(|endorsements| endorsements.vcek = vcek);
        assert_eq!(snp_outcomes(&inspection), [N, V, F, V, N], "{inspection:?}");
        assert!(inspection.belonging.detail().contains(name), "{inspection:?}");
    }
}

#[test]
fn the_key_of_a_provider_is_shown_as_such_and_belongs_to_no_chip() {
    let vlek = reissued(|template| {
        template.kind = SigningKey::Vlek;
        template.hardware_id.clear();
    });
    let document = PROCESSOR
        .report_builder([1; 32], ReportData([7; 64]))
        .edit(|report| report.signer_info = 1 << 2)
        .endorse(|endorsements| {
            endorsements.vcek.clear();
            endorsements.vlek = vlek;
            endorsements.ask = HIERARCHY.asvk().unwrap();
        })
        .sign()
        .unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let inspection = at(&document, InspectionRoot::OfTheEvidence, &NoCollateral, now);
    assert_eq!(snp_outcomes(&inspection), [N, V, V, V, N], "{inspection:?}");
    let places: Vec<_> = inspection.certificates.iter().map(|it| it.place.as_str()).collect();
    assert_eq!(places, ["VLEK", "ASVK", "ARK"]);
    assert_eq!(inspection.endorsement.unwrap().hardware_id, None);
    // Without it, nobody can be asked for it.
    let bare = snp::Document { endorsements: Endorsements::default(), ..document };
    let inspection = at(&bare, InspectionRoot::Amd, &NoCollateral, now);
    assert_eq!(snp_outcomes(&inspection), [N; 5], "{inspection:?}");
    assert!(inspection.chain.detail().contains("VLEK"), "{inspection:?}");
}

#[test]
fn a_root_that_the_evidence_brings_itself_is_never_verified() {
    let inspection = simulated(|_| {});
    assert_eq!(snp_outcomes(&inspection), [N, V, V, V, N], "{inspection:?}");
    assert!(inspection.chain.detail().contains("manifest"), "{inspection:?}");
    // Taken for hardware, it does not hold.
    let report = PROCESSOR.report_builder([1; 32], ReportData([7; 64])).sign().unwrap();
    let inspection = at(&report, InspectionRoot::Amd, &NoCollateral, IN_JULY);
    assert_eq!(snp_outcomes(&inspection), [F, N, N, N, N], "{inspection:?}");
}

#[test]
fn a_revocation_list_is_shown_and_counts() {
    let now = SystemTime::now();
    let list = |serials: &[u64], until| HIERARCHY.revocation_list(serials, now - YEAR, until).unwrap();
    for (list, outcome, revoked) in [
        (list(&[7], now + YEAR), V, 1),
        // The serial number of the ASK.
        (list(&[7, 0x01_0001], now + YEAR), F, 2),
        (list(&[], now - Duration::from_secs(60)), F, 0),
    ] {
        let inspection = simulated(|endorsements| endorsements.revocation_list = list);
        assert_eq!(snp_outcomes(&inspection), [N, V, V, V, outcome], "{inspection:?}");
        let [facts] = inspection.revocation_lists[..] else { panic!("{inspection:?}") };
        assert_eq!((facts.origin, facts.revoked), (Origin::Evidence, revoked));
    }
}

/// The captured quote.
fn quote(change: impl FnOnce(&mut Quote), collateral: bool, moment: Duration) -> Option<tdx::Inspection> {
    let mut quote = tdx::Document::from_platform(&captured("tdx/quote-v4.bin")?).unwrap().quote;
    change(&mut quote);
    let published = Collateral::parse(&captured("tdx/quote-v4-collateral.json")?).unwrap();
    let source = Few { vcek: Vec::new(), collateral: collateral.then(|| Arc::new(published)) };
    Some(tdx::inspect(&quote, &TrustRoot::Intel, &source, SystemTime::UNIX_EPOCH + moment))
}

/// Chain, signature, quoting enclave, collateral, revocation, platform, validity of certificates and collateral.
fn tdx_outcomes(inspection: &tdx::Inspection) -> [&'static str; 8] {
    [
        &inspection.chain,
        &inspection.signature,
        &inspection.quoting_enclave,
        &inspection.collateral_signatures,
        &inspection.revocation,
        &inspection.platform,
        &inspection.certificate_validity,
        &inspection.collateral_validity,
    ]
    .map(Check::outcome)
}

#[test]
fn a_captured_quote_is_verified_with_the_collateral_of_its_time() {
    let Some(inspection) = quote(|_| {}, true, IN_JULY) else { return };
    assert_eq!(tdx_outcomes(&inspection), [V; 8], "{inspection:?}");
    let statuses: Vec<_> = inspection.tcb.iter().map(|part| (part.of, part.status.as_str())).collect();
    assert!(statuses.contains(&("platform TCB status", "UpToDate")), "{statuses:?}");
    let pck = inspection.pck.unwrap();
    assert_eq!(hex::encode(pck.fmspc), "b0c06f000000");
    assert_eq!(hex::encode(pck.platform_instance_id.unwrap()), "07828474603e7019dc930775ffe8cdd2");
    assert_eq!(inspection.collateral.unwrap().tcb_evaluation_data_number, 17);
    let places: Vec<_> = inspection.certificates.iter().map(|it| it.place.as_str()).collect();
    assert_eq!(places, ["PCK", "PCK CA", "root CA"]);
}

#[test]
fn collateral_that_is_missing_or_stale_is_told_apart_from_collateral_that_holds() {
    let Some(inspection) = quote(|_| {}, false, IN_JULY) else { return };
    assert_eq!(tdx_outcomes(&inspection), [V, V, V, N, N, N, V, N], "{inspection:?}");
    assert!(inspection.tcb.is_empty() && inspection.collateral.is_none());
    let inspection = quote(|_| {}, true, IN_JULY + YEAR).unwrap();
    assert_eq!(tdx_outcomes(&inspection), [V, V, V, V, V, V, V, F], "{inspection:?}");
    assert!(inspection.collateral_validity.detail().contains("TCB info validity"), "{inspection:?}");
}

#[test]
fn each_damage_to_a_quote_fails_the_check_that_it_concerns() {
    type Change = fn(&mut Quote);
    let changes: [(&str, Change, [&str; 8]); 4] = [
        // Only the platform's state counts for Intel's rules, and the measurement is none of it.
        ("report data", |quote| quote.body.report_data[0] ^= 1, [V, F, V, V, V, V, V, V]),
        ("QE report", |quote| quote.qe_report.mr_enclave[0] ^= 1, [V, V, F, V, V, F, V, V]),
        ("attestation key", |quote| quote.attestation_key[0] ^= 1, [V, F, F, V, V, F, V, V]),
        ("certificates", |quote| quote.pck_chain[100] ^= 1, [F, V, N, N, N, N, N, N]),
    ];
    for (name, change, expected) in changes {
        let Some(inspection) = quote(change, true, IN_JULY) else { return };
        assert_eq!(tdx_outcomes(&inspection), expected, "{name}: {inspection:?}");
    }
}
