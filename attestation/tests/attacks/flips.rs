//! No byte of accepted evidence is without effect.

use std::sync::LazyLock;

use contrast_attestation::{
    Evidence,
    snp::{SnpVerifier, document},
};
use proptest::prelude::*;

use crate::{
    attached_lists::{list, required},
    certificates::with_vlek,
    revocation::{AtHand, requiring},
    support::*,
};

/// Every byte with another bit; the property tests below try the others.
fn flip_each(verifier: &SnpVerifier, honest: &Evidence, has_effect: impl Fn(&[u8]) -> bool) {
    appraise(verifier, honest).unwrap();
    for position in 0..honest.document.len() {
        let mut document = honest.document.clone();
        document[position] ^= 1 << (position % 8);
        if has_effect(&document) {
            let length = document.len();
            let outcome = appraise(verifier, &simulated(document));
            assert!(outcome.is_err(), "byte {position} of {length} has no effect");
        }
    }
}

#[test]
fn flipping_any_byte_of_the_evidence_makes_the_appraisal_fail() {
    flip_each(&verifier(reference()), &honest().evidence().unwrap(), |_| true);
}

#[test]
fn flipping_any_byte_of_evidence_with_a_required_list_makes_the_appraisal_fail() {
    flip_each(&required(), &WITH_LIST, |_| true);
}

#[test]
fn flipping_any_byte_of_evidence_with_a_vlek_makes_the_appraisal_fail() {
    flip_each(&verifier(reference()), &with_vlek().evidence().unwrap(), |_| true);
}

#[test]
fn flipping_any_byte_of_evidence_with_a_vlek_and_a_required_list_makes_the_appraisal_fail() {
    flip_each(&VLEK_REQUIRED, &VLEK, |_| true);
}

#[test]
fn flipping_any_byte_of_evidence_of_version_2_makes_the_appraisal_fail() {
    flip_each(&verifier(reference()), &VERSION_2, says_product);
}

/// The product is no part of the report: whoever takes it away leaves a good document without it. What may not be is
/// that it says something else.
fn says_product(document: &[u8]) -> bool {
    let Ok(mut read) = document::parse(document) else { return true };
    let said = std::mem::replace(&mut read.product, document::parse(&VERSION_2.document).unwrap().product);
    said.is_some() || read.encode() != VERSION_2.document
}

static WITH_LIST: LazyLock<Evidence> = LazyLock::new(|| {
    honest().endorse(|certificates| certificates.revocation_list = list(&[0x77])).evidence().unwrap()
});
static VLEK: LazyLock<Evidence> = LazyLock::new(|| with_vlek().evidence().unwrap());
/// For VLEKs, only a list at hand counts.
static VLEK_REQUIRED: LazyLock<SnpVerifier> =
    LazyLock::new(|| requiring(AtHand { vlek_list: Some(list(&[0x77])), ..AtHand::default() }));
static VERSION_2: LazyLock<Evidence> = LazyLock::new(|| honest().version(2).evidence().unwrap());

fn changed(honest: &Evidence, position: prop::sample::Index, change: u8) -> Vec<u8> {
    let mut document = honest.document.clone();
    let position = position.index(document.len());
    document[position] ^= change;
    document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn evidence_with_any_change_is_refused(position in any::<prop::sample::Index>(), change in 1_u8..) {
        let document = changed(&honest().evidence().unwrap(), position, change);
        prop_assert!(appraise(&verifier(reference()), &simulated(document)).is_err());
    }

    #[test]
    fn evidence_with_a_required_list_and_any_change_is_refused(
        position in any::<prop::sample::Index>(), change in 1_u8.., vlek: bool
    ) {
        let (verifier, honest) = if vlek { (&*VLEK_REQUIRED, &*VLEK) } else { (&required(), &*WITH_LIST) };
        let document = changed(honest, position, change);
        prop_assert!(appraise(verifier, &simulated(document)).is_err());
    }

    #[test]
    fn evidence_of_version_2_with_any_change_is_refused(
        position in any::<prop::sample::Index>(), change in 1_u8..
    ) {
        let document = changed(&VERSION_2, position, change);
        prop_assume!(says_product(&document));
        prop_assert!(appraise(&verifier(reference()), &simulated(document)).is_err());
    }

    #[test]
    fn evidence_that_is_cut_anywhere_is_refused(length in any::<prop::sample::Index>()) {
        let mut document = honest().evidence().unwrap().document;
        document.truncate(length.index(document.len()));
        prop_assert!(appraise(&verifier(reference()), &simulated(document)).is_err());
    }
}
