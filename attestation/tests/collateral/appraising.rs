//! SNP evidence, appraised with what is at hand.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use contrast_attestation::{
    Evidence, Finding, ReportData, Verifier as _,
    collateral::{Address, Bundle, Collaterals, ContentError, Item},
    snp::{Product, ReferenceValues, Revocation, SnpVerifier},
};

use crate::{
    vendor::{Reply, Vendor},
    world::*,
};

const HOST_DATA: [u8; 32] = [0xA5; 32];
const REPORT_DATA: ReportData = ReportData([0x3C; 64]);

/// Evidence of an attester that has no certificate of its chip.
fn bare_evidence() -> Evidence {
    let builder = PROCESSOR.report_builder(HOST_DATA, REPORT_DATA);
    builder.endorse(|certificates| certificates.vcek.clear()).evidence().unwrap()
}

fn appraise(collaterals: &Collaterals) -> Vec<Finding> {
    let reference = ReferenceValues { allowed_host_data: [HOST_DATA].into(), ..PROCESSOR.reference_values() };
    let verifier = SnpVerifier::new("simulated-0", reference, PROCESSOR.trust_anchor())
        .with_revocation(Revocation::Required)
        .with_collateral(Arc::new(collaterals.clone()));
    let outcome = verifier.appraise(&bare_evidence(), &REPORT_DATA, SystemTime::now());
    outcome.err().map(|rejection| rejection.findings).unwrap_or_default()
}

fn item(address: Address, body: Vec<u8>) -> Item {
    Item { address, fetched: SystemTime::now(), issuer_chain: None, body }
}

fn bundle(items: impl IntoIterator<Item = Item>) -> Bundle {
    let mut bundle = Bundle::default();
    items.into_iter().for_each(|item| bundle.add(item).unwrap());
    // As it comes out of a file.
    Bundle::parse(&bundle.encode().unwrap()).unwrap()
}

fn vcek() -> Item {
    item(chip_key(), PROCESSOR.endorsements().vcek.clone())
}

#[test]
fn a_bundle_is_all_that_a_machine_without_internet_needs() {
    let collaterals = Collaterals::offline_under(roots());
    assert!(collaterals.add(&bundle([vcek(), item(LIST, list(&GENOA, Duration::ZERO))])).is_empty());
    assert_eq!(appraise(&collaterals), []);
}

#[test]
fn without_collateral_the_refusal_says_what_is_missing() {
    let collaterals = Collaterals::offline_under(roots());
    let findings = appraise(&collaterals);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].field, "VCEK certificate");
    assert!(findings[0].found.contains("none in the evidence, and no collateral"), "{findings:?}");
    collaterals.add(&bundle([vcek()]));
    let findings = appraise(&collaterals);
    assert_eq!(findings[0].field, "revocation list of ARK-Genoa");
    assert!(findings[0].found.contains("says nothing about this"), "{findings:?}");
    // That for VLEKs is another one.
    collaterals.add(&bundle([item(VLEK_LIST, list(&GENOA, Duration::ZERO))]));
    assert_eq!(appraise(&collaterals), findings);
}

#[test]
fn a_bundle_that_is_out_of_date_leads_to_a_refusal_for_that_reason() {
    let collaterals = Collaterals::offline_under(roots());
    assert!(collaterals.add(&bundle([vcek(), item(LIST, list(&GENOA, 3 * HOUR))])).is_empty());
    let findings = appraise(&collaterals);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].found.contains("out of date"), "{findings:?}");
}

#[test]
fn items_of_a_bundle_that_no_vendor_signed_are_told_and_not_used() {
    let collaterals = Collaterals::offline_under(roots());
    let rejected = collaterals.add(&bundle([vcek(), item(LIST, list(&FOREIGN, Duration::ZERO))]));
    assert_eq!(rejected.len(), 1);
    assert_eq!((&rejected[0].address, rejected[0].error), (&LIST, ContentError::NotSigned("AMD")));
    assert!(rejected[0].to_string().contains("revocation list of ARK-Genoa"));
    assert_eq!(appraise(&collaterals)[0].field, "revocation list of ARK-Genoa");
}

#[test]
fn of_two_bundles_the_newer_item_counts_whatever_the_order() {
    let (old, new) = (list(&GENOA, 3 * HOUR), list(&GENOA, Duration::ZERO));
    for order in [[&old, &new], [&new, &old]] {
        let collaterals = Collaterals::offline_under(roots());
        collaterals.add(&bundle([vcek()]));
        for list in order {
            collaterals.add(&bundle([item(LIST, list.clone())]));
        }
        assert_eq!(appraise(&collaterals), []);
    }
}

#[test]
fn published_roots_are_the_ones_that_count_unless_somebody_says_otherwise() {
    let rejected = Collaterals::offline().add(&bundle([vcek(), item(LIST, list(&GENOA, Duration::ZERO))]));
    assert_eq!(rejected.len(), 2);
}

#[tokio::test]
async fn the_first_evidence_of_a_chip_is_refused_and_the_next_one_accepted() {
    let (list, vcek) = (list(&GENOA, Duration::ZERO), PROCESSOR.endorsements().vcek.clone());
    let vendor =
        Vendor::start(move |path, _| Reply::ok(if path.ends_with("/crl") { &list } else { &vcek })).await;
    let (collaterals, refresher) = Collaterals::online(fetcher(&vendor, None, &TestClock::new()));
    collaterals.keep_fresh(Address::needed_for_snp(Product::Genoa));
    refresher.catch_up().await;
    let findings = appraise(&collaterals);
    assert!(findings[0].found.contains("being fetched"), "{findings:?}");
    refresher.catch_up().await;
    assert_eq!(appraise(&collaterals), []);
}
