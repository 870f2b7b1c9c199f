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
#[path = "attacks_tdx/documents.rs"]
mod documents;
#[cfg(test)]
#[path = "attacks_tdx/flips.rs"]
mod flips;
#[cfg(test)]
#[path = "attacks_tdx/formats.rs"]
mod formats;
#[cfg(test)]
#[path = "attacks_tdx/quoting_enclave.rs"]
mod quoting_enclave;
#[cfg(test)]
#[path = "attacks_tdx/trust_domain.rs"]
mod trust_domain;
#[cfg(test)]
#[path = "attacks_tdx/world.rs"]
mod world;

use contrast_attestation::{
    Evidence, EvidenceType, ReportData, Verifier,
    tdx::{Tdx15Fields, TrustRoot},
};
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

pub(crate) const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// The TCB is as it was at launch, and no service TD is bound.
pub(crate) fn current() -> Tdx15Fields {
    Tdx15Fields { tee_tcb_svn_2: honest().body.tee_tcb_svn, mr_service_td: [0; 48] }
}
