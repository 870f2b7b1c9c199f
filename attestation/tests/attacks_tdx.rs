//! Attacks on the appraisal of TDX evidence, each refused for its own reason.
//!
//! A hierarchy of keys like Intel's signs whatever a test wants, so nearly every fault here is one of properly
//! signed evidence: what refuses it is the check that the test names, not the signature.

#[cfg(test)]
#[path = "attacks_tdx/certificates.rs"]
mod certificates;
#[cfg(test)]
#[path = "attacks_tdx/collateral.rs"]
mod collateral;
#[cfg(test)]
#[path = "attacks_tdx/der.rs"]
mod der;
#[cfg(test)]
#[path = "attacks_tdx/formats.rs"]
mod formats;
#[cfg(test)]
#[path = "attacks_tdx/quoting_enclave.rs"]
mod quoting_enclave;
#[cfg(test)]
#[path = "attacks_tdx/world.rs"]
mod world;

use contrast_attestation::{
    Evidence, EvidenceType, ReportData, Verifier,
    tdx::{Tdx15Fields, TrustRoot},
};
use proptest::prelude::*;
use world::*;

#[test]
fn honest_evidence_of_both_versions_and_bodies_is_accepted() {
    let mut recipe = honest();
    let claims = recipe.make().accepted();
    assert_eq!(claims.host_data, HOST_DATA);
    recipe.header.version = 5;
    recipe.make().accepted();
    recipe.body.tdx_1_5 = Some(current());
    recipe.make().accepted();
}

#[test]
fn every_fault_is_told_at_once() {
    let mut recipe = honest();
    recipe.body.mr_td[0] ^= 1;
    recipe.body.rtmrs[3][0] ^= 1;
    recipe.body.mr_config_id[0] ^= 1;
    recipe.body.xfam[0] ^= 4;
    recipe.configuration = Some([true; 3]);
    recipe.make().refused(&[
        "quote field MR_CONFIG_ID",
        "quote field XFAM",
        "quote field MR_TD",
        "quote field RTMR3",
        "PCK certificate field SMT Enabled",
        "PCK certificate field Dynamic Platform",
    ]);
}

// The trust domain.

#[test]
fn a_debug_td_is_refused() {
    let mut recipe = honest();
    recipe.body.td_attributes[0] |= 1;
    let findings = recipe.make().refused(&["quote", "quote field TD_ATTRIBUTES.DEBUG"]);
    assert!(findings[0].found.contains("Debug mode"), "{findings:?}");
}

#[test]
fn reserved_and_unwanted_td_attributes_are_refused_bit_by_bit() {
    for bit in (1..64).filter(|bit| *bit != 28) {
        let mut recipe = honest();
        recipe.body.td_attributes = (1_u64 << 28 | 1 << bit).to_le_bytes();
        let findings = recipe.make().appraise_at(NOW).unwrap_err();
        let last = findings.last().unwrap();
        assert_eq!(last.field, "quote field TD_ATTRIBUTES", "bit {bit}");
        assert_eq!(last.found, format!("{:#x}", 1_u64 << 28 | 1 << bit));
    }
}

#[test]
fn a_td_that_is_told_of_pages_taken_away_is_refused() {
    let mut recipe = honest();
    recipe.body.td_attributes = [0; 8];
    recipe.make().refused(&["quote", "quote field TD_ATTRIBUTES"]);
}

#[test]
fn a_td_with_a_service_td_is_refused() {
    let mut recipe = honest();
    recipe.header.version = 5;
    recipe.body.tdx_1_5 = Some(Tdx15Fields { mr_service_td: [1; 48], ..current() });
    let findings = recipe.make().refused(&["quote", "quote field MR_SERVICE_TD"]);
    assert!(findings[0].found.contains("service TD"), "{findings:?}");
}

#[test]
fn reserved_bits_of_the_tdx_module_are_refused() {
    let mut recipe = honest();
    recipe.body.seam_attributes[7] = 0x80;
    recipe.make().refused(&["quote", "quote field SEAM_ATTRIBUTES"]);
}

#[test]
fn a_tdx_module_of_another_signer_is_refused() {
    let mut recipe = honest();
    recipe.body.mr_signer_seam[0] = 1;
    recipe.make().refused(&["quote", "quote field MR_SIGNER_SEAM"]);
    // Even if the collateral names that signer.
    for place in ["/tdxModule", "/tdxModuleIdentities/0"] {
        *recipe.tcb_info.pointer_mut(&format!("{place}/mrsigner")).unwrap() =
            hex::encode(recipe.body.mr_signer_seam).into();
    }
    recipe.make().refused(&["quote field MR_SIGNER_SEAM"]);
}

#[test]
fn host_data_that_is_not_padded_with_zeros_is_refused() {
    for position in 32..48 {
        let mut recipe = honest();
        recipe.body.mr_config_id[position] = 1;
        recipe.make().refused(&["quote field MR_CONFIG_ID"]);
    }
}

#[test]
fn a_reused_quote_is_refused() {
    let made = honest().make();
    let evidence = Evidence { evidence_type: EvidenceType::Tdx, document: made.document.encode() };
    let now = std::time::SystemTime::UNIX_EPOCH + NOW;
    for nonce in [ReportData([0; 64]), ReportData([0xFF; 64])] {
        let rejection = made.verifier().appraise(&evidence, &nonce, now).unwrap_err();
        assert_eq!(rejection.findings[0].field, "quote field REPORT_DATA");
    }
}

#[test]
fn evidence_of_another_type_is_refused() {
    let made = honest().make();
    for evidence_type in [EvidenceType::Snp, EvidenceType::Simulated] {
        let evidence = Evidence { evidence_type, document: made.document.encode() };
        let now = std::time::SystemTime::UNIX_EPOCH + NOW;
        let rejection = made.verifier().appraise(&evidence, &REPORT_DATA, now).unwrap_err();
        assert_eq!(rejection.findings[0].field, "evidence type");
    }
}

#[test]
fn a_manifest_entry_for_intel_never_accepts_another_root() {
    let mut made = honest().make();
    made.root = TrustRoot::Intel;
    made.refused_saying("PCK certificate chain", "another root");
}

// What was accepted before.

#[test]
fn a_known_platform_does_not_lend_its_name_to_unsigned_quotes() {
    let mut made = honest().make();
    made.accepted();
    made.document.quote.signature[0] ^= 1;
    made.refused(&["quote field SIGNATURE"]);

    let mut made = honest().make();
    made.accepted();
    made.document.quote.body.report_data[0] ^= 1;
    made.refused(&["quote field SIGNATURE", "quote field REPORT_DATA"]);
}

#[test]
fn a_known_platform_does_not_vouch_for_another_attestation_key() {
    let mut made = honest().make();
    made.accepted();
    let own = key();
    let quote = &mut made.document.quote;
    quote.attestation_key = point(&own);
    quote.signature = sign(&own, &quote.signed_bytes());
    made.refused(&["QE report field REPORTDATA"]);
}

#[test]
fn a_known_platform_is_refused_once_new_collateral_revokes_it() {
    let before = honest().make();
    before.accepted();
    let mut after = before.clone();
    after.revoke_pck();
    after.refused(&["PCK certificate"]);
    before.accepted();
}

#[test]
fn a_known_platform_is_refused_once_its_collateral_is_stale() {
    let made = honest().make();
    made.accepted();
    made.refused_at(
        NOW + 40 * DAY,
        &["PCK revocation list validity", "TCB info validity", "QE identity validity"],
    );
}

#[test]
fn flipping_any_byte_of_the_evidence_makes_the_appraisal_fail() {
    for version in [4, 5] {
        let mut recipe = honest();
        recipe.header.version = version;
        let made = recipe.make();
        let (honest, verifier) = (made.document.encode(), made.verifier());
        for position in 0..honest.len() {
            let mut document = honest.clone();
            // Another bit in each byte; the property test below tries the others.
            document[position] ^= 1 << (position % 8);
            let evidence = Evidence { evidence_type: EvidenceType::Tdx, document };
            let outcome = verifier.appraise(&evidence, &REPORT_DATA, std::time::SystemTime::UNIX_EPOCH + NOW);
            assert!(outcome.is_err(), "byte {position} of {} has no effect", honest.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn evidence_with_any_change_is_refused(position in any::<prop::sample::Index>(), change in 1_u8..) {
        let made = honest().make();
        let mut document = made.document.encode();
        let position = position.index(document.len());
        document[position] ^= change;
        let evidence = Evidence { evidence_type: EvidenceType::Tdx, document };
        let outcome =
            made.verifier().appraise(&evidence, &REPORT_DATA, std::time::SystemTime::UNIX_EPOCH + NOW);
        prop_assert!(outcome.is_err(), "byte {position} has no effect");
    }
}

pub(crate) const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// The TCB is as it was at launch, and no service TD is bound.
pub(crate) fn current() -> Tdx15Fields {
    Tdx15Fields { tee_tcb_svn_2: honest().body.tee_tcb_svn, mr_service_td: [0; 48] }
}
