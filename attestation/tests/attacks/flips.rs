//! No byte of accepted evidence is without effect.

use contrast_attestation::{Evidence, EvidenceType};
use proptest::prelude::*;

use crate::support::*;

#[test]
fn flipping_any_byte_of_the_evidence_makes_the_appraisal_fail() {
    let verifier = verifier(reference());
    let honest = honest().evidence().unwrap().document;
    for position in 0..honest.len() {
        let mut document = honest.clone();
        // Another bit in each byte; the property test below tries the others.
        document[position] ^= 1 << (position % 8);
        let evidence = Evidence { evidence_type: EvidenceType::Simulated, document };
        assert!(appraise(&verifier, &evidence).is_err(), "byte {position} of {} has no effect", honest.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn evidence_with_any_change_is_refused(position in any::<prop::sample::Index>(), change in 1_u8..) {
        let mut document = honest().evidence().unwrap().document;
        let position = position.index(document.len());
        document[position] ^= change;
        let evidence = Evidence { evidence_type: EvidenceType::Simulated, document };
        prop_assert!(appraise(&verifier(reference()), &evidence).is_err());
    }

    #[test]
    fn evidence_that_is_cut_anywhere_is_refused(length in any::<prop::sample::Index>()) {
        let mut document = honest().evidence().unwrap().document;
        document.truncate(length.index(document.len()));
        let evidence = Evidence { evidence_type: EvidenceType::Simulated, document };
        prop_assert!(appraise(&verifier(reference()), &evidence).is_err());
    }
}
