//! Revocation lists that are missing, out of time, forged, or that name the chain.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use contrast_attestation::{
    CollateralSource, Missing,
    snp::{Product, Revocation, SigningKey, SnpVerifier, TcbParts},
    tdx::{Collateral, PckCa},
};

use crate::{certificates::with_vlek, support::*};

const LIST: &str = "revocation list of ARK-Genoa";
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A source that has at most two lists and a certificate.
#[derive(Default)]
pub(crate) struct AtHand {
    pub(crate) list: Option<Vec<u8>>,
    pub(crate) vlek_list: Option<Vec<u8>>,
    pub(crate) vcek: Option<Vec<u8>>,
}

impl CollateralSource for AtHand {
    fn snp_crl(&self, _: Product, kind: SigningKey) -> Result<Arc<[u8]>, Missing> {
        let list = match kind {
            SigningKey::Vcek => &self.list,
            SigningKey::Vlek => &self.vlek_list,
        };
        list.clone().map(Arc::from).ok_or(Missing::BeingFetched)
    }

    fn snp_vcek(&self, product: Product, chip_id: &[u8; 64], tcb: TcbParts) -> Result<Arc<[u8]>, Missing> {
        assert_eq!((product, tcb), (Product::Genoa, PROCESSOR.tcb()));
        assert_ne!(chip_id, &[0; 64]);
        self.vcek.clone().map(Arc::from).ok_or(Missing::BeingFetched)
    }

    fn tdx_collateral(&self, _: [u8; 6], _: PckCa) -> Result<Arc<Collateral>, Missing> {
        Err(Missing::NotCovered)
    }
}

fn required(list: Option<Vec<u8>>) -> SnpVerifier {
    requiring(AtHand { list, ..AtHand::default() })
}

pub(crate) fn requiring(at_hand: AtHand) -> SnpVerifier {
    verifier(reference()).with_revocation(Revocation::Required).with_collateral(Arc::new(at_hand))
}

fn list(serials: &[u64]) -> Vec<u8> {
    GENOA.revocation_list(serials, SystemTime::now() - HOUR, SystemTime::now() + HOUR).unwrap()
}

fn expired(serials: &[u64]) -> Vec<u8> {
    GENOA.revocation_list(serials, SystemTime::now() - 2 * HOUR, SystemTime::now() - HOUR).unwrap()
}

#[track_caller]
fn refused_because(list: Option<Vec<u8>>, reason: &str) {
    let findings = refused_by(&required(list), &honest().evidence().unwrap(), &[LIST]);
    assert!(findings[0].found.contains(reason), "{findings:?}");
}

#[test]
fn a_valid_list_is_taken_from_the_verifier_or_from_the_evidence() {
    appraise(&required(Some(list(&[0x77]))), &honest().evidence().unwrap()).unwrap();
    appraise(&required(Some(list(&[]))), &honest().evidence().unwrap()).unwrap();
    let attached = honest().endorse(|certificates| certificates.revocation_list = list(&[0x77]));
    appraise(&required(None), &attached.evidence().unwrap()).unwrap();
}

#[test]
fn a_missing_list_is_refused_where_one_is_required() {
    refused_because(None, "none in the evidence");
    // By default, that is under AMD's roots.
    let simulated = honest().evidence().unwrap();
    appraise(&verifier(reference()), &simulated).unwrap();
}

#[test]
fn a_list_out_of_its_time_is_refused() {
    let now = SystemTime::now();
    refused_because(Some(expired(&[])), "out of date");
    let future = GENOA.revocation_list(&[], now + HOUR, now + 2 * HOUR).unwrap();
    refused_because(Some(future), "from the future");
}

#[test]
fn a_list_that_the_root_did_not_sign_is_refused() {
    let mut forged = list(&[]);
    *forged.last_mut().unwrap() ^= 1;
    refused_because(Some(forged), "signature");
    let now = SystemTime::now();
    refused_because(Some(FOREIGN.revocation_list(&[], now - HOUR, now + HOUR).unwrap()), "signature");
    refused_because(Some(b"garbage".to_vec()), "not a DER");
    let mut long = list(&[]);
    long.push(0);
    refused_because(Some(long), "not a DER");
}

#[test]
fn a_list_that_names_a_certificate_of_the_chain_is_refused() {
    refused_because(Some(list(&[0x77, 0x01_0001])), "names the ASK");
    refused_because(Some(list(&[0])), "names the VCEK");
    refused_because(Some(list(&[0x01_0000])), "names the ARK");
}

#[test]
fn a_list_of_ones_own_wins_over_that_of_the_evidence() {
    let attached = honest().endorse(|certificates| certificates.revocation_list = list(&[]));
    let verifier = required(Some(list(&[0x01_0001])));
    refused_by(&verifier, &attached.evidence().unwrap(), &[LIST]);
}

#[test]
fn what_an_outdated_list_names_is_revoked_all_the_same() {
    refused_because(Some(expired(&[0x01_0001])), "names the ASK");
    let attached = honest().endorse(|certificates| certificates.revocation_list = expired(&[0]));
    let findings = refused_by(&required(Some(list(&[]))), &attached.evidence().unwrap(), &[LIST]);
    assert!(findings[0].found.contains("names the VCEK"), "{findings:?}");
}

#[test]
fn an_outdated_list_of_ones_own_does_not_stand_in_the_way_of_a_current_one_in_the_evidence() {
    let attached = honest().endorse(|certificates| certificates.revocation_list = list(&[]));
    appraise(&required(Some(expired(&[]))), &attached.evidence().unwrap()).unwrap();
}

#[test]
fn a_list_that_a_simulated_attester_sends_must_be_in_order() {
    let attached = honest().endorse(|certificates| certificates.revocation_list = expired(&[]));
    refused(attached, &[LIST]);
}

#[test]
fn a_vlek_is_judged_by_the_list_for_vleks() {
    let evidence = with_vlek().evidence().unwrap();
    let lists = |vlek: &[u64]| AtHand { list: Some(list(&[])), vlek_list: Some(list(vlek)), vcek: None };
    appraise(&requiring(lists(&[0x77])), &evidence).unwrap();
    for (serial, named) in
        [(0x01_0001, "names the ASVK"), (0, "names the VLEK"), (0x01_0000, "names the ARK")]
    {
        let findings = refused_by(&requiring(lists(&[serial])), &evidence, &[LIST]);
        assert!(findings[0].found.contains(named), "{findings:?}");
    }
    // And a VCEK is not.
    appraise(&requiring(lists(&[0x01_0001])), &honest().evidence().unwrap()).unwrap();
}

#[test]
fn the_list_for_vceks_does_not_stand_in_for_the_missing_one_for_vleks() {
    let at_hand = || requiring(AtHand { list: Some(list(&[])), ..AtHand::default() });
    let attached = || with_vlek().endorse(|certificates| certificates.revocation_list = list(&[]));
    // Nor does one in the evidence, which may be the same.
    for evidence in [with_vlek().evidence().unwrap(), attached().evidence().unwrap()] {
        let findings = refused_by(&at_hand(), &evidence, &[LIST]);
        assert!(findings[0].expected.contains("https://kdsintf.amd.com/vlek/v1/Genoa/crl"), "{findings:?}");
        assert!(findings[0].found.contains("being fetched"), "{findings:?}");
    }
    let findings = refused_by(&required(None), &honest().evidence().unwrap(), &[LIST]);
    assert!(findings[0].expected.contains("https://kdsintf.amd.com/vcek/v1/Genoa/crl"), "{findings:?}");
    // What it names is revoked all the same, also if the right list is there.
    let naming = with_vlek().endorse(|certificates| certificates.revocation_list = expired(&[0x01_0001]));
    let evidence = naming.evidence().unwrap();
    let both = requiring(AtHand { vlek_list: Some(list(&[])), ..AtHand::default() });
    for verifier in [at_hand(), both] {
        let findings = refused_by(&verifier, &evidence, &[LIST]);
        assert!(findings[0].found.contains("names the ASVK"), "{findings:?}");
    }
}

#[test]
fn a_certificate_that_the_evidence_lacks_is_taken_from_collateral_or_asked_for() {
    let mut vcek = Vec::new();
    let bare =
        honest().endorse(|certificates| vcek = std::mem::take(&mut certificates.vcek)).evidence().unwrap();
    let at_hand =
        |vcek| verifier(reference()).with_collateral(Arc::new(AtHand { vcek, ..AtHand::default() }));
    appraise(&at_hand(Some(vcek)), &bare).unwrap();
    let findings = refused_by(&at_hand(None), &bare, &["VCEK certificate"]);
    assert!(findings[0].found.contains("being fetched"), "{findings:?}");
    // Never for a chip that the reference values do not allow.
    let only_another =
        contrast_attestation::snp::ReferenceValues { allowed_chip_ids: vec![[9; 64]], ..reference() };
    let refusing = verifier(only_another).with_collateral(Arc::new(AtHand::default()));
    let findings = refused_by(&refusing, &bare, &["VCEK certificate", "report field CHIP_ID"]);
    assert!(!findings[0].found.contains("being fetched"), "{findings:?}");
}
