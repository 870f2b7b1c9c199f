//! The certificates of the platform, and what they say about it.

use crate::{DAY, world::*};

#[test]
fn a_revoked_pck_is_refused_whichever_list_is_right_for_it() {
    let mut recipe = honest();
    recipe.revoked_by_pck_ca = vec![7, PCK, 9];
    recipe.make().refused_saying("PCK certificate", "a revocation list names it");

    let mut recipe = honest();
    recipe.revoked_by_root = vec![PCK_CA];
    recipe.make().refused_saying("collateral", "PCK CA certificate: it is revoked");

    let mut recipe = honest();
    recipe.revoked_by_root = vec![TCB_SIGNER];
    recipe.make().refused_saying("collateral", "TCB info signing certificate: it is revoked");

    let mut recipe = honest();
    recipe.revoked_by_root = vec![1];
    recipe.make().refused_saying("collateral", "root CA certificate: it is revoked");
}

#[test]
fn a_revocation_list_of_another_pck_ca_is_not_taken_for_the_right_one() {
    let mut made = honest().make();
    // Same name, same root, other key: it does not say what the issuer of the PCK revoked.
    made.publish_pck_ca(&key(), &[]);
    made.refused(&["PCK certificate issuer"]);
}

#[test]
fn an_old_certificate_of_a_pck_ca_is_refused_once_it_is_revoked() {
    let made = honest().make();
    let mut renewed = made.clone();
    renewed.publish_pck_ca(&made.keys.pck_ca, &[]);
    renewed.accepted();
    renewed.publish_pck_ca(&made.keys.pck_ca, &[PCK_CA]);
    renewed.refused_saying("PCK CA certificate", "a revocation list names it");
}

#[test]
fn lists_that_name_others_revoke_nobody() {
    let mut recipe = honest();
    // Serial numbers are those of the issuer of the list.
    recipe.revoked_by_pck_ca = vec![PCK_CA, TCB_SIGNER];
    recipe.revoked_by_root = vec![PCK];
    recipe.make().accepted();
}

#[test]
fn expired_and_not_yet_valid_certificates_are_refused() {
    let mut recipe = honest();
    recipe.pck_valid = ((2020, 1), (2025, 7));
    recipe.make().refused_at(NOW + 2 * DAY, &["PCK certificate validity"]);
    recipe.pck_valid = ((2025, 7), (2030, 1));
    recipe.make().refused_at(NOW - 2 * DAY, &["PCK certificate validity"]);
    // From before all of the collateral.
    recipe.pck_valid = ((2019, 1), (2020, 1));
    recipe.make().refused(&["collateral"]);
}

#[test]
fn certificates_with_other_names_are_refused() {
    let mut recipe = honest();
    recipe.pck_name = "Intel SGX TCB Signing";
    recipe.make().refused_saying("PCK certificate chain", "a PCK certificate called");
    let mut recipe = honest();
    recipe.tcb_signer_name = "Intel SGX PCK Certificate";
    recipe.make().refused_saying("collateral", "it is called \"Intel SGX PCK Certificate\"");
}

#[test]
fn a_pck_ca_that_may_not_sign_certificates_is_refused() {
    let mut recipe = honest();
    recipe.pck_ca_is_authority = false;
    recipe.make().refused_saying("PCK certificate chain", "a PCK CA certificate that is no authority");
}

#[test]
fn chains_that_are_incomplete_out_of_order_or_padded_are_refused() {
    let made = honest().make();
    let text = String::from_utf8(made.document.quote.pck_chain.clone()).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    let blocks: Vec<&str> = text.trim_end_matches('\0').split_inclusive(end).collect();
    let [pck, ca, root] = blocks[..] else { unreachable!("a chain of three") };
    for (chain, reason) in [
        (String::new(), "0 certificates"),
        (pck.to_owned(), "1 certificates"),
        ([pck, ca].concat(), "2 certificates"),
        ([pck, ca, ca, root].concat(), "4 certificates"),
        ([pck, ca, root, root, root].concat(), "more than 4 certificates"),
        ([root, ca, pck].concat(), "another root"),
        ([ca, pck, root].concat(), "PCK CA certificate that names another issuer"),
        ([pck, root, root].concat(), "a PCK CA certificate called \"Intel SGX Root CA\""),
        (["Dear verifier,\n", pck, ca, root].concat(), "not a list of PEM certificates"),
        ([pck, ca, root, "P.S."].concat(), "not a list of PEM certificates"),
        ([pck, ca, root, "\n"].concat(), "not a list of PEM certificates"),
        ([pck, "\n", ca, root].concat(), "not a list of PEM certificates"),
        (text.replace('\n', "\r\n"), "not a list of PEM certificates"),
    ] {
        let mut changed = made.clone();
        changed.document.quote.pck_chain = chain.into_bytes();
        changed.refused_saying("PCK certificate chain", reason);
    }
}

#[test]
fn a_platform_of_another_hierarchy_is_refused() {
    let mut made = honest().make();
    made.document.quote.pck_chain = honest().make().document.quote.pck_chain;
    made.refused_saying("PCK certificate chain", "another root");
}

#[test]
fn collateral_for_another_platform_is_refused() {
    let mut recipe = honest();
    recipe.tcb_info["fmspc"] = "00906ED50000".into();
    recipe.make().refused(&["collateral for FMSPC"]);
    let mut recipe = honest();
    recipe.pce_id = [0, 1];
    recipe.make().refused(&["collateral for PCE ID"]);
}

#[test]
fn a_platform_that_the_manifest_does_not_allow_is_refused() {
    let mut recipe = honest();
    recipe.sgx_type = 1;
    recipe.make().refused_saying("PCK certificate field SGX Type", "1 (scalable)");
    let mut recipe = honest();
    recipe.configuration = Some([true, false, false]);
    recipe.make().refused_saying("PCK certificate field Dynamic Platform", "true");
    recipe.configuration = Some([false, false, true]);
    recipe.make().refused_saying("PCK certificate field SMT Enabled", "true");
    let mut recipe = honest();
    recipe.piid = Some([0x78; 16]);
    recipe.make().refused_saying("PCK certificate field Platform Instance ID", "7878");
}

#[test]
fn a_certificate_that_says_nothing_about_the_platform_satisfies_no_demand() {
    let mut recipe = honest();
    recipe.pck_ca_name = "Intel SGX PCK Processor CA";
    recipe.configuration = None;
    recipe.piid = None;
    let mut made = recipe.make();
    made.refused(&[
        "PCK certificate field SMT Enabled",
        "PCK certificate field Dynamic Platform",
        "PCK certificate field Platform Instance ID",
    ]);
    made.reference.smt_disabled = false;
    made.reference.static_platform = false;
    made.reference.allowed_piids.clear();
    made.accepted();
}
