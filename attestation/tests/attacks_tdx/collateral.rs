//! What Intel publishes, tampered with, out of date, or telling of a platform that is behind.

use contrast_attestation::tdx::{Collateral, CollateralError};
use serde_json::{Value, json};

use crate::{DAY, current, world::*};

#[test]
fn stale_collateral_is_refused_part_by_part() {
    let mut recipe = honest();
    recipe.tcb_info["nextUpdate"] = "2025-06-30T23:59:59Z".into();
    recipe.make().refused(&["TCB info validity"]);
    let mut recipe = honest();
    recipe.qe_identity["nextUpdate"] = "2025-06-30T23:59:59Z".into();
    recipe.make().refused(&["QE identity validity"]);
    let mut recipe = honest();
    recipe.pck_crl_valid.1 = (2025, 7);
    recipe.make().refused_at(NOW + DAY, &["PCK revocation list validity"]);
    let mut recipe = honest();
    recipe.root_crl_valid.1 = (2025, 7);
    recipe.make().refused_at(NOW + DAY, &["root CA revocation list validity"]);
}

#[test]
fn collateral_from_the_future_is_refused_part_by_part() {
    let mut recipe = honest();
    recipe.tcb_info["issueDate"] = "2025-07-01T00:00:01Z".into();
    recipe.make().refused(&["TCB info validity"]);
    let mut recipe = honest();
    recipe.qe_identity["issueDate"] = "2025-07-01T00:00:01Z".into();
    recipe.make().refused(&["QE identity validity"]);
    let mut recipe = honest();
    recipe.pck_crl_valid.0 = (2025, 7);
    recipe.make().refused_at(NOW - DAY, &["PCK revocation list validity"]);
    let mut recipe = honest();
    recipe.root_crl_valid.0 = (2025, 7);
    recipe.make().refused_at(NOW - DAY, &["root CA revocation list validity"]);
}

#[test]
fn parts_that_were_never_valid_together_are_refused() {
    let mut recipe = honest();
    recipe.tcb_info["nextUpdate"] = "2025-06-10T00:00:00Z".into();
    recipe.qe_identity["issueDate"] = "2025-06-20T00:00:00Z".into();
    recipe.make().refused_saying("collateral", "never were");
}

#[test]
fn an_old_evaluation_of_vulnerabilities_is_refused() {
    for place in ["tcb_info", "qe_identity"] {
        let mut recipe = honest();
        let part = if place == "tcb_info" { &mut recipe.tcb_info } else { &mut recipe.qe_identity };
        part["tcbEvaluationDataNumber"] = 16.into();
        recipe.make().refused_saying("TCB evaluation data number of the collateral", "16");
    }
}

#[test]
fn revocation_lists_of_others_are_refused() {
    let made = honest().make();
    let foreign = honest().make().parts;
    let mut changed = made.clone();
    changed.parts.root_ca_crl = foreign.root_ca_crl;
    changed.refused_saying("collateral", "root CA revocation list: its signature does not verify");
    let mut changed = made.clone();
    changed.parts.pck_crl = foreign.pck_crl;
    changed.refused_saying("collateral", "PCK revocation list: its signature does not verify");
    // Each in the place of the other.
    let mut changed = made.clone();
    changed.parts.pck_crl = made.parts.root_ca_crl.clone();
    changed.refused_saying("collateral", "PCK revocation list: it names another issuer");
    let mut changed = made.clone();
    changed.parts.root_ca_crl = made.parts.pck_crl.clone();
    changed.refused_saying("collateral", "root CA revocation list: it names another issuer");
}

#[test]
fn tcb_info_that_intel_did_not_sign_is_refused() {
    let made = honest().make();
    let mut changed = made.clone();
    changed.parts.tcb_info = made.parts.tcb_info.replace("OutOfDate", "UpToDate");
    changed.refused_saying("collateral", "TCB info: its signature does not verify");
    let mut changed = made.clone();
    let foreign = honest().make().parts;
    changed.parts.tcb_info_signature = foreign.tcb_info_signature;
    changed.parts.tcb_info_issuer_chain = foreign.tcb_info_issuer_chain;
    changed.refused_saying("collateral", "another root");
}

#[test]
fn tcb_info_of_another_kind_is_refused() {
    for (member, value) in [("id", json!("SGX")), ("version", json!(2)), ("tcbType", json!(1))] {
        let mut recipe = honest();
        recipe.tcb_info[member] = value;
        recipe.make().refused_saying("collateral", "must be TDX version 3 with TCB type 0");
    }
}

#[test]
fn short_tcb_lists_are_refused() {
    for component in ["sgxtcbcomponents", "tdxtcbcomponents"] {
        let mut recipe = honest();
        recipe.tcb_info["tcbLevels"][1]["tcb"][component].as_array_mut().unwrap().pop();
        recipe.make().refused_saying("collateral", "not lists of 16 components");
        recipe.tcb_info["tcbLevels"][1]["tcb"][component] = json!([]);
        recipe.make().refused_saying("collateral", "not lists of 16 components");
    }
    let mut recipe = honest();
    recipe.tcb_info["tcbLevels"] = json!([]);
    recipe.make().refused_saying("collateral", "TCB info: its TCB levels are missing");
    let mut recipe = honest();
    recipe.qe_identity["tcbLevels"] = json!([]);
    recipe.make().refused_saying("collateral", "QE identity: its TCB levels are missing");
    let mut recipe = honest();
    recipe.tcb_info["tdxModuleIdentities"] = json!([]);
    recipe.make().refused_saying("quote", "TDX_01");
}

#[test]
fn unsorted_tcb_lists_make_nobody_look_better() {
    // Levels of the QE and of modules are met by going down the list.
    let mut recipe = honest();
    recipe.qe_identity["tcbLevels"].as_array_mut().unwrap().reverse();
    recipe.make().refused_saying("collateral", "QE identity: its TCB levels are not in descending order");
    let mut recipe = honest();
    let levels = &mut recipe.tcb_info["tdxModuleIdentities"][0]["tcbLevels"];
    levels.as_array_mut().unwrap().reverse();
    recipe.make().refused_saying("collateral", "TCB info: its TCB levels are not in descending order");
    // Those of the platform are sorted first: the order changes nothing.
    let mut recipe = honest();
    recipe.tcb_info["tcbLevels"].as_array_mut().unwrap().reverse();
    recipe.make().accepted();
    recipe.tcb_info["tcbLevels"][0]["tcbStatus"] = "UpToDate".into();
    recipe.tcb_info["tcbLevels"][1]["tcbStatus"] = "OutOfDate".into();
    recipe.make().refused(&["platform TCB status"]);
}

#[test]
fn a_platform_that_is_behind_is_told_what_is_missing() {
    let mut recipe = honest();
    recipe.pce_svn = 12;
    recipe.cpu_svn[3] = 4;
    recipe.make().refused_saying(
        "platform TCB status",
        "OutOfDate (INTEL-SA-00106, INTEL-SA-00837); \
         SGX TCB component 3 has SVN 4 and needs 5, PCE has SVN 12 and needs 13",
    );
    let mut recipe = honest();
    recipe.body.tee_tcb_svn[0] = 4;
    recipe.make().refused_saying("platform TCB status", "OutOfDate; TDX module has SVN 4 and needs 5");
    recipe.body.tee_tcb_svn[0] = 1;
    recipe.make().refused_saying("quote", "below minimum");
    // So old that Intel has no level for it.
    let mut recipe = honest();
    recipe.pce_svn = 1;
    recipe.make().refused_saying("quote", "No matching TCB level found; PCE has SVN 1 and needs 13");
}

#[test]
fn every_status_but_up_to_date_is_refused() {
    for status in [
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDateConfigurationNeeded",
    ] {
        let mut recipe = honest();
        recipe.tcb_info["tcbLevels"][0]["tcbStatus"] = status.into();
        recipe.make().refused_saying("platform TCB status", status);
    }
    let mut recipe = honest();
    recipe.tcb_info["tcbLevels"][0]["tcbStatus"] = "Revoked".into();
    recipe.make().refused_saying("quote", "Revoked");
    let mut recipe = honest();
    recipe.qe_identity["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded".into();
    recipe.make().refused_saying("quoting enclave TCB status", "ConfigurationNeeded");
}

#[test]
fn a_tdx_module_that_was_replaced_by_an_older_one_is_refused() {
    let mut recipe = honest();
    recipe.header.version = 5;
    let mut added = current();
    added.tee_tcb_svn_2[0] = 4;
    recipe.body.tdx_1_5 = Some(added);
    recipe.make().refused_saying("current platform TCB status", "OutOfDate");
}

#[test]
fn a_td_that_was_launched_under_an_older_module_is_refused_until_it_is_launched_again() {
    let mut recipe = honest();
    recipe.header.version = 5;
    recipe.body.tdx_1_5 = Some(current());
    recipe.body.tee_tcb_svn[0] = 4;
    recipe.make().refused_saying("platform TCB status", "OutOfDate");
}

#[test]
fn text_that_is_no_collateral_is_refused() {
    let made = honest().make();
    let json = serde_json::to_value(&made.parts).unwrap();
    Collateral::parse(json.to_string().as_bytes()).unwrap();
    let parse = |json: &Value| Collateral::parse(json.to_string().as_bytes());
    for member in json.as_object().unwrap().keys() {
        let mut short = json.clone();
        short.as_object_mut().unwrap().remove(member);
        assert!(matches!(parse(&short), Err(CollateralError::Json(_))), "without {member}");
        let mut wrong = json.clone();
        wrong[member] = "00".into();
        match parse(&wrong) {
            // Of a signature, only the length could be wrong, and verification says so.
            Ok(_) => assert!(member.ends_with("signature"), "{member}"),
            Err(error) => assert!(error.to_string().contains(member.as_str()), "{error}"),
        }
    }
    assert!(matches!(Collateral::parse(b"garbage"), Err(CollateralError::Json(_))));
    let long = vec![b' '; Collateral::MAX_LEN + 1];
    assert!(matches!(Collateral::parse(&long), Err(CollateralError::TooLong { .. })));
}
