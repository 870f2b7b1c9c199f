//! Trust domains that are weaker than a manifest allows, and modules that do not isolate them.

use contrast_attestation::{Cause, Finding, tdx::Tdx15Fields};

use crate::{current, world::*};

/// `SEPT_VE_DISABLE`, which every TD must have.
const SEPT_VE_DISABLE: u64 = 1 << 28;

/// The attributes must be refused for what the reference values say, and for `reason` where Intel's rules say so, too.
#[track_caller]
fn refused_attributes(attributes: u64, reason: Option<&str>) {
    let mut recipe = honest();
    recipe.body.td_attributes = attributes.to_le_bytes();
    let findings = recipe.make().appraise_at(NOW).unwrap_err();
    let by_rules = reason.map(|reason| finding("quote", "one that Intel's rules accept", reason));
    let expected = "0x10000000, SEPT_VE_DISABLE and nothing else";
    let by_values = finding("quote field TD_ATTRIBUTES", expected, &format!("{attributes:#x}"));
    assert_eq!(findings, by_rules.into_iter().chain([by_values]).collect::<Vec<_>>());
}

fn finding(field: &str, expected: &str, found: &str) -> Finding {
    let cause = match field {
        "quote" => Cause::QuoteRules,
        "quote field XFAM" => Cause::Xfam,
        _ => Cause::TdAttributes,
    };
    Finding { cause, field: field.to_owned(), expected: expected.to_owned(), found: found.to_owned() }
}

#[test]
fn a_debug_td_is_refused() {
    let mut recipe = honest();
    recipe.body.td_attributes[0] |= 1;
    let expected = [
        finding("quote", "one that Intel's rules accept", "Debug mode is enabled"),
        finding("quote field TD_ATTRIBUTES.DEBUG", "off", "on: the host can read and change the TD"),
    ];
    assert_eq!(recipe.make().appraise_at(NOW).unwrap_err(), expected);
}

#[test]
fn a_td_that_may_migrate_is_refused() {
    refused_attributes(SEPT_VE_DISABLE | 1 << 29, Some("TD migration is enabled"));
}

#[test]
fn a_td_that_the_host_may_profile_is_refused() {
    for bit in 4..=6 {
        refused_attributes(SEPT_VE_DISABLE | 1 << bit, Some("TD profiling is enabled"));
    }
}

#[test]
fn a_td_that_may_have_a_service_td_is_refused() {
    refused_attributes(SEPT_VE_DISABLE | 1 << 17, Some("SERVTD_EXT is enabled"));
}

#[test]
fn td_attributes_that_are_known_and_not_wanted_are_refused_bit_by_bit() {
    // Among them LASS, PKS, KL, TPA and PERFMON, to which Intel's rules do not object.
    for bit in [16, 18, 19, 20, 21, 22, 27, 30, 31, 62, 63] {
        refused_attributes(SEPT_VE_DISABLE | 1 << bit, None);
    }
}

#[test]
fn reserved_td_attributes_are_refused_bit_by_bit() {
    for bit in (1..=3).chain(7..=15).chain(23..=26).chain(32..=61) {
        refused_attributes(SEPT_VE_DISABLE | 1 << bit, Some("Reserved bits in TD attributes are set"));
    }
}

#[test]
fn a_td_that_is_told_of_pages_taken_away_is_refused() {
    refused_attributes(0, Some("SEPT_VE_DISABLE is not enabled"));
}

#[track_caller]
fn refused_xfam(bit: u32) {
    let mut recipe = honest();
    let allowed = hex::encode(recipe.body.xfam);
    recipe.body.xfam = (u64::from_le_bytes(recipe.body.xfam) ^ 1 << bit).to_le_bytes();
    let expected = finding("quote field XFAM", &allowed, &hex::encode(recipe.body.xfam));
    assert_eq!(recipe.make().appraise_at(NOW).unwrap_err(), [expected], "bit {bit}");
}

#[test]
fn reserved_bits_of_xfam_are_refused_bit_by_bit() {
    (20..64).for_each(refused_xfam);
}

#[test]
fn extended_features_that_differ_from_the_reference_value_are_refused_bit_by_bit() {
    (0..=10).chain(13..=19).for_each(refused_xfam);
}

#[test]
fn control_flow_enforcement_is_up_to_the_guest() {
    let mut recipe = honest();
    recipe.body.xfam[1] ^= 0x18;
    recipe.make().accepted();
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
