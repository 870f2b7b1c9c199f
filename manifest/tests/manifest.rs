//! What a manifest may say, and what is reported about one that says something else.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::SystemTime;

use contrast_attestation::{Evidence, EvidenceType, ReportData};
use contrast_manifest::{
    Audience, Limit, MAX_MANIFEST_LEN, ManifestDocument, ManifestErrors, Problem, Role, SeedShareOwnerKey,
    WorkloadOwnerKey,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SHOP: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const COORDINATOR: &str = "2222222222222222222222222222222222222222222222222222222222222222";

fn simulated_entry() -> Value {
    json!({
        "Platform": "Simulated",
        "Root": "33".repeat(32),
        "ProductName": "Genoa",
        "TrustedMeasurement": "44".repeat(48),
        "MinimumTCB": { "BootloaderVersion": 3, "TEEVersion": 0, "SNPVersion": 8, "MicrocodeVersion": 115 },
        "GuestPolicy": { "ABIMinor": 0, "ABIMajor": 0, "SMT": true, "MigrateMA": false, "Debug": false },
        "PlatformInfo": { "SMTEnabled": true },
        "AllowedChipIDs": []
    })
}

fn snp_entry() -> Value {
    let mut entry = simulated_entry();
    entry.as_object_mut().unwrap().remove("Root");
    entry["Platform"] = json!("Metal-QEMU-SNP");
    entry
}

fn tdx_entry() -> Value {
    json!({
        "Platform": "Metal-QEMU-TDX",
        "MrTd": "55".repeat(48),
        "MrSeam": "66".repeat(48),
        "Rtmrs": ["77".repeat(48), "77".repeat(48), "77".repeat(48), "77".repeat(48)],
        "Xfam": "e702060000000000",
        "AllowedPIIDs": null
    })
}

fn valid() -> Value {
    json!({
        "Policies": {
            SHOP: { "SANs": ["shop", "*"], "WorkloadSecretID": "apps/v1/Deployment/default/shop" },
            COORDINATOR: { "SANs": ["coordinator", "*"], "Role": "coordinator" }
        },
        "ReferenceValues": { "simulated": [simulated_entry()] },
        "WorkloadOwnerPubKeys": null,
        "SeedshareOwnerPubKeys": []
    })
}

/// Makes something of a valid manifest that is beyond a limit.
type Change<'a> = &'a dyn Fn(&mut Value);

fn parse(value: &Value) -> Result<ManifestDocument, ManifestErrors> {
    ManifestDocument::parse(serde_json::to_vec(value).unwrap())
}

fn faults(value: &Value) -> Vec<String> {
    parse(value)
        .expect_err("the manifest should be refused")
        .faults()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The faults of the valid manifest after `change`.
fn faults_after(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut manifest = valid();
    change(&mut manifest);
    faults(&manifest)
}

#[test]
fn the_exact_bytes_are_kept_and_hashed() {
    let mut text = serde_json::to_vec_pretty(&valid()).unwrap();
    text.extend_from_slice(b"\n\n  ");
    let document = ManifestDocument::parse(text.clone()).unwrap();
    assert_eq!(document.bytes().as_ref(), text);
    assert_eq!(document.digest(), <[u8; 32]>::from(Sha256::digest(&text)));
}

#[test]
fn a_valid_manifest_says_what_was_written() {
    let document = parse(&valid()).unwrap();
    let manifest = document.manifest();
    let shop = &manifest.policies[&[0x11; 32]];
    assert_eq!(shop.sans, ["shop", "*"]);
    assert_eq!(shop.workload_secret_id.as_deref(), Some("apps/v1/Deployment/default/shop"));
    assert_eq!(shop.role, Role::Workload);
    assert_eq!(manifest.coordinator_policies().collect::<Vec<_>>(), [[0x22; 32]]);
    assert!(manifest.workload_owners.is_empty());
    let entry = &manifest.reference_values.simulated[0];
    assert_eq!(entry.root, [0x33; 32]);
    assert_eq!(entry.values.minimum_tcb.microcode, 115);
    assert!(entry.values.guest_policy.smt);
}

#[test]
fn hardware_entries_of_both_kinds_are_read() {
    let mut manifest = valid();
    let mut snp = snp_entry();
    snp["APEIP"] = json!("80b004ff");
    snp["AllowedChipIDs"] = json!(["ab".repeat(64)]);
    snp["MinimumMitigationVector"] = json!(u64::MAX);
    let mut tdx = tdx_entry();
    tdx["AllowedPIIDs"] = json!(["cd".repeat(16)]);
    tdx["MinTCBEvaluationDataNumber"] = json!(17);
    manifest["ReferenceValues"] = json!({ "snp": [snp], "tdx": [tdx] });
    let document = parse(&manifest).unwrap();
    let values = &document.manifest().reference_values;
    assert_eq!(values.snp[0].values.ap_eip, Some(0x80b0_04ff));
    assert_eq!(values.snp[0].values.allowed_chip_ids, [[0xab; 64]]);
    assert_eq!(values.snp[0].values.minimum_mitigation_vector, u64::MAX);
    assert_eq!(values.tdx[0].allowed_piids, [[0xcd; 16]]);
    assert_eq!(values.tdx[0].minimum_tcb_evaluation_data_number, Some(17));
}

#[test]
fn every_entry_has_a_verifier_because_none_at_all_would_accept_everybody() {
    let mut manifest = valid();
    for (values, names) in [
        (json!({ "snp": [snp_entry()], "tdx": [tdx_entry()] }), vec!["snp-0-GENOA", "tdx-0"]),
        (json!({ "tdx": [tdx_entry()] }), vec!["tdx-0"]),
        (json!({ "simulated": [simulated_entry(), simulated_entry()] }), vec!["simulated-0", "simulated-1"]),
    ] {
        manifest["ReferenceValues"] = values;
        let document = parse(&manifest).unwrap();
        let verifiers = document.manifest().verifiers(Audience::Coordinator);
        assert_eq!(verifiers.iter().map(|verifier| verifier.name()).collect::<Vec<_>>(), names);
    }
}

#[test]
fn evidence_that_no_entry_can_read_is_refused_with_the_reason() {
    let mut manifest = valid();
    manifest["ReferenceValues"] = json!({ "tdx": [tdx_entry()] });
    let verifiers = parse(&manifest).unwrap().manifest().verifiers(Audience::AnyPod);
    let evidence = Evidence { evidence_type: EvidenceType::Tdx, document: Vec::new() };
    let rejection = verifiers[0].appraise(&evidence, &ReportData([0; 64]), SystemTime::now()).unwrap_err();
    assert_eq!(rejection.verifier, "tdx-0");
    assert_eq!(rejection.findings[0].field, "attestation document");
}

#[test]
fn an_empty_manifest_and_a_too_long_one_are_told_apart() {
    assert!(matches!(ManifestDocument::parse(Vec::new()), Err(ManifestErrors::Empty)));
    let length = 10 * 1024 * 1024;
    let error = ManifestDocument::parse(vec![b' '; length]).unwrap_err();
    assert!(matches!(error, ManifestErrors::TooLong { length: found, .. } if found == length));
    let padded = [serde_json::to_vec(&valid()).unwrap(), vec![b' '; MAX_MANIFEST_LEN]].concat();
    assert!(ManifestDocument::parse(&padded[..MAX_MANIFEST_LEN]).is_ok());
    assert!(ManifestDocument::parse(&padded[..=MAX_MANIFEST_LEN]).is_err());
}

#[test]
fn what_is_not_json_says_where_it_stops_being_json() {
    for text in [&b"{\"Policies\": "[..], b"{} {}", b"nonsense"] {
        let error = ManifestDocument::parse(text).unwrap_err();
        let ManifestErrors::NotJson(cause) = error else { panic!("{error:?}") };
        assert!(cause.to_string().contains("line 1 column"), "{cause}");
    }
    let error = ManifestDocument::parse(b"{\n\"\xff\xfe\"}".as_slice()).unwrap_err();
    assert!(error.to_string().contains("not UTF-8 text (line 2 column 2)"), "{error}");
    let marked = [b"\xef\xbb\xbf".to_vec(), serde_json::to_vec(&valid()).unwrap()].concat();
    assert!(matches!(ManifestDocument::parse(marked), Err(ManifestErrors::ByteOrderMark)));
}

#[test]
fn every_fault_is_reported_at_its_path_and_not_only_the_first() {
    let found = faults_after(|manifest| {
        manifest["Policies"][SHOP]["SANs"] = json!(["shop", 7]);
        manifest["Policies"]["zz"] = json!({ "SANs": ["x"], "Role": "king" });
        manifest["ReferenceValues"]["simulated"][0]["TrustedMeasurement"] = json!("4444");
        manifest["ReferenceValues"]["simulated"][0]["MinimumTCB"]["SNPVersion"] = json!(256);
        manifest["ReferenceValues"]["simulated"][0]["AllowedChipIDs"] = json!(["", "zz"]);
        manifest["SeedshareOwnerPubKeys"] = json!(["00"]);
        manifest["Motto"] = json!("trust no host");
    });
    let expected = [
        "Motto: is not a field of a manifest",
        "Policies[\"1111111111111111111111111111111111111111111111111111111111111111\"].SANs[1]: must be a string",
        "Policies[\"zz\"]: must be hexadecimal",
        "Policies[\"zz\"].Role: must be absent or \"coordinator\"",
        "ReferenceValues.simulated[0].TrustedMeasurement: must have 48 bytes (96 hexadecimal digits), but has 2",
        "ReferenceValues.simulated[0].MinimumTCB.SNPVersion: must be from 0 to 255, but is 256",
        "ReferenceValues.simulated[0].AllowedChipIDs[0]: must have 64 bytes",
        "ReferenceValues.simulated[0].AllowedChipIDs[1]: must be hexadecimal",
        "SeedshareOwnerPubKeys[0]: must be the PKCS#1",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn a_repeated_key_is_an_error_wherever_it_stands() {
    let text = String::from_utf8(serde_json::to_vec(&valid()).unwrap()).unwrap();
    let twice = [
        text.replacen("\"Policies\":", "\"Policies\":{},\"Policies\":", 1),
        text.replacen("\"ProductName\":", "\"ProductName\":\"Milan\",\"ProductName\":", 1),
        text.replacen(&format!("\"{SHOP}\":"), &format!("\"{SHOP}\":{{}},\"{SHOP}\":"), 1),
    ];
    let paths = twice.map(|text| {
        let error = ManifestDocument::parse(text.into_bytes()).unwrap_err();
        let fault = &error.faults()[0];
        assert_eq!(fault.problem, Problem::DuplicateKey, "{error}");
        fault.path.as_str().to_owned()
    });
    let entry = format!("Policies[\"{SHOP}\"]");
    assert_eq!(paths, ["Policies", "ReferenceValues.simulated[0].ProductName", &entry]);
}

#[test]
fn an_unknown_field_suggests_the_one_that_was_meant() {
    let found = faults_after(|manifest| {
        manifest["policies"] = json!({});
        manifest["SeedshareOwnerKeys"] = json!([]);
    });
    assert_eq!(
        found,
        [
            "SeedshareOwnerKeys: is not a field of a manifest; did you mean SeedshareOwnerPubKeys?",
            "policies: is not a field of a manifest; did you mean Policies?",
        ]
    );
}

#[test]
fn a_policy_hash_in_upper_case_is_refused_because_no_pod_would_match_it() {
    let found = faults_after(|manifest| manifest["Policies"]["AB".repeat(32)] = json!({ "SANs": ["x"] }));
    assert!(found[0].ends_with("must be written in lower case"), "{found:?}");
}

#[test]
fn a_manifest_without_a_coordinator_is_refused() {
    let found = faults_after(|manifest| {
        manifest["Policies"].as_object_mut().unwrap().remove(COORDINATOR);
    });
    assert!(found[0].starts_with("Policies: no entry has the role"), "{found:?}");
    assert!(
        faults(&json!({ "ReferenceValues": valid()["ReferenceValues"] }))[0]
            .starts_with("Policies: no entry")
    );
}

#[test]
fn several_coordinators_are_fine() {
    let mut manifest = valid();
    manifest["Policies"]["99".repeat(32)] = json!({ "SANs": ["coordinator"], "Role": "coordinator" });
    assert_eq!(parse(&manifest).unwrap().manifest().coordinator_policies().count(), 2);
}

#[test]
fn a_workload_needs_a_dns_name_for_its_certificate() {
    for sans in [json!(null), json!([]), json!(["10.1.2.3", "spiffe://shop"])] {
        let found = faults_after(|manifest| manifest["Policies"][SHOP]["SANs"] = sans);
        assert!(found[0].contains("must have at least one DNS name"), "{found:?}");
    }
}

#[test]
fn a_manifest_without_reference_values_is_refused() {
    for values in [json!(null), json!({}), json!({ "snp": [], "tdx": null })] {
        let found = faults_after(|manifest| manifest["ReferenceValues"] = values);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("ReferenceValues: has no entry"), "{found:?}");
    }
}

#[test]
fn simulated_processors_beside_hardware_are_refused() {
    let found = faults_after(|manifest| manifest["ReferenceValues"]["snp"] = json!([snp_entry()]));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("ReferenceValues: must not list simulated processors"), "{found:?}");
}

#[test]
fn a_weakened_guest_policy_is_refused_for_hardware_and_simulation_alike() {
    for list in ["snp", "simulated"] {
        let entry = if list == "snp" { snp_entry() } else { simulated_entry() };
        for (field, value) in [
            ("SMT", json!(false)),
            ("Debug", json!(true)),
            ("MigrateMA", json!(true)),
            ("SingleSocket", json!(true)),
            ("CXLAllowed", json!(true)),
            ("MemAES256XTS", json!(true)),
            ("RAPLDis", json!(true)),
            ("CipherTextHidingDRAM", json!(true)),
            ("ABIMajor", json!(1)),
            ("ABIMinor", json!(30)),
        ] {
            let mut entry = entry.clone();
            entry["GuestPolicy"][field] = value;
            let found = faults_after(|manifest| manifest["ReferenceValues"] = json!({ list: [entry] }));
            let start = format!("ReferenceValues.{list}[0].GuestPolicy.{field}: must not be modified");
            assert!(found.len() == 1 && found[0].starts_with(&start), "{found:?}");
        }
    }
}

#[test]
fn values_that_only_the_user_knows_are_reported_as_yet_to_be_filled_in() {
    let mut manifest = valid();
    let mut snp = snp_entry();
    snp["MinimumTCB"]["SNPVersion"] = json!(null);
    let mut tdx = tdx_entry();
    tdx["MrSeam"] = json!("");
    manifest["ReferenceValues"] = json!({ "snp": [snp], "tdx": [tdx] });
    let error = parse(&manifest).unwrap_err();
    let missing: Vec<_> = error.only_missing_values().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["ReferenceValues.snp[0].MinimumTCB.SNPVersion", "ReferenceValues.tdx[0].MrSeam"]);
    manifest["ReferenceValues"]["tdx"][0]["Xfam"] = json!("00");
    assert!(parse(&manifest).unwrap_err().only_missing_values().is_none());
}

#[test]
fn reserved_bits_of_xfam_are_refused_and_named() {
    for (xfam, reserved) in [
        ("e702060000000001", "0x0100000000000000"),
        ("e702160000000000", "0x0000000000100000"),
        ("ffffffffffffffff", "0xfffffffffff00000"),
    ] {
        let mut entry = tdx_entry();
        entry["Xfam"] = json!(xfam);
        let found = faults_after(|manifest| manifest["ReferenceValues"] = json!({ "tdx": [entry] }));
        let start = format!("ReferenceValues.tdx[0].Xfam: has reserved bits ({reserved} as a number)");
        assert!(found.len() == 1 && found[0].starts_with(&start), "{found:?}");
    }
}

#[test]
fn every_bit_of_xfam_that_has_a_name_may_be_set() {
    let mut manifest = valid();
    let mut entry = tdx_entry();
    entry["Xfam"] = json!("ffff0f0000000000");
    manifest["ReferenceValues"] = json!({ "tdx": [entry] });
    parse(&manifest).unwrap();
}

#[test]
fn an_entry_without_its_minimum_tcb_misses_every_part_of_it() {
    let found = faults_after(|manifest| {
        let entry = &mut manifest["ReferenceValues"]["simulated"][0];
        entry["ProductName"] = json!("Turin");
        entry["MinimumTCB"] = json!(null);
    });
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(found[4].starts_with("ReferenceValues.simulated[0].MinimumTCB.FMCVersion: has no value yet"));
}

#[test]
fn only_turin_has_a_first_stage_boot_loader_version() {
    let found = faults_after(|manifest| {
        manifest["ReferenceValues"]["simulated"][0]["MinimumTCB"]["FMCVersion"] = json!(1);
    });
    assert_eq!(
        found,
        ["ReferenceValues.simulated[0].MinimumTCB.FMCVersion: exists only on Turin processors"]
    );
}

#[test]
fn tdx_registers_are_counted_from_one() {
    let mut tdx = tdx_entry();
    tdx["Rtmrs"][3] = json!("00");
    let found = faults_after(|manifest| manifest["ReferenceValues"] = json!({ "tdx": [tdx.clone()] }));
    assert!(found[0].starts_with("ReferenceValues.tdx[0].RTMR[4]: must have 48 bytes"), "{found:?}");
    tdx["Rtmrs"].as_array_mut().unwrap().pop();
    let found = faults_after(|manifest| manifest["ReferenceValues"] = json!({ "tdx": [tdx] }));
    assert_eq!(found, ["ReferenceValues.tdx[0].Rtmrs: must have exactly 4 elements, but has 3"]);
}

#[test]
fn owners_are_read_in_their_present_and_their_older_form() {
    let workload_owner = WorkloadOwnerKey::generate().unwrap();
    let seedshare_owner = SeedShareOwnerKey::generate().unwrap();
    let mut manifest = valid();
    manifest["WorkloadOwnerPubKeys"] = json!([hex::encode(workload_owner.spki_der())]);
    manifest["WorkloadOwnerKeyDigests"] = json!(["88".repeat(32)]);
    manifest["SeedshareOwnerPubKeys"] = json!([seedshare_owner.owner().to_hex()]);
    let document = parse(&manifest).unwrap();
    let owners = &document.manifest().workload_owners;
    assert!(owners.contains_key(workload_owner.spki_der()));
    assert!(!owners.contains_key(b"another key"));
    assert_eq!(owners.iter().map(|owner| owner.digest()).collect::<Vec<_>>()[1], [0x88; 32]);
    assert_eq!(document.manifest().seedshare_owners, [seedshare_owner.owner().clone()]);
}

#[test]
fn keys_of_the_wrong_kind_are_refused_as_owners() {
    let ecdsa = hex::encode(WorkloadOwnerKey::generate().unwrap().spki_der());
    let found = faults_after(|manifest| {
        manifest["WorkloadOwnerPubKeys"] = json!(["3000"]);
        manifest["WorkloadOwnerKeyDigests"] = json!(["88"]);
        manifest["SeedshareOwnerPubKeys"] = json!([ecdsa]);
    });
    assert!(found[0].starts_with("WorkloadOwnerPubKeys[0]: must be the SubjectPublicKeyInfo"), "{found:?}");
    assert!(found[1].starts_with("WorkloadOwnerKeyDigests[0]: must have 32 bytes"), "{found:?}");
    assert!(found[2].starts_with("SeedshareOwnerPubKeys[0]: must be the PKCS#1"), "{found:?}");
}

#[test]
fn the_api_version_is_a_v_and_a_number() {
    let mut manifest = valid();
    manifest["MinimumAPIVersion"] = json!("v1");
    assert_eq!(parse(&manifest).unwrap().manifest().minimum_api_version, Some(1));
    for bad in ["1", "v", "v-1", "v+1", "v99999999999"] {
        let found = faults_after(|manifest| manifest["MinimumAPIVersion"] = json!(bad));
        assert!(found[0].contains("API version"), "{bad}: {found:?}");
    }
}

#[test]
fn a_flood_of_faults_is_cut_off_and_counted() {
    let mut manifest = valid();
    manifest["ReferenceValues"]["simulated"][0]["AllowedChipIDs"] = json!(vec![0; 2000]);
    let error = parse(&manifest).unwrap_err();
    assert_eq!(error.faults().len(), 1000);
    assert!(error.to_string().contains("more"), "{error}");
}

#[test]
fn what_is_beyond_a_limit_is_refused_with_limit_number_and_remedy_but_stays_readable_in_a_history() {
    let many = |count: u32| -> serde_json::Map<String, Value> {
        let policy = |n| (format!("{n:064x}"), json!({ "SANs": ["x"], "Role": "coordinator" }));
        (0..count).map(policy).collect()
    };
    let cases: [(&str, Change<'_>); 6] = [
        (
            "Policies: has 4097 policies, more than the 4096 that are allowed; divide the deployment",
            &|manifest| {
                manifest["Policies"] = many(4097).into();
            },
        ),
        ("ReferenceValues: has 513 entries in all its lists, more than the 512", &|manifest| {
            manifest["ReferenceValues"]["simulated"] = vec![simulated_entry(); 513].into();
        }),
        ("SANs: has 129 names, more than the 128", &|manifest| {
            manifest["Policies"][SHOP]["SANs"] = vec!["a"; 129].into();
        }),
        ("SANs: has 16640 bytes in all its names, more than the 16384", &|manifest| {
            manifest["Policies"][SHOP]["SANs"] = vec!["a".repeat(130); 128].into();
        }),
        ("WorkloadSecretID: has 1025 bytes, more than the 1024", &|manifest| {
            manifest["Policies"][SHOP]["WorkloadSecretID"] = "a".repeat(1025).into();
        }),
        ("WorkloadOwnerPubKeys: has 65 workload owners by key and digest, more than the 64", &|manifest| {
            manifest["WorkloadOwnerKeyDigests"] = vec!["00".repeat(32); 65].into();
        }),
    ];
    for (expected, change) in cases {
        let mut manifest = valid();
        change(&mut manifest);
        let found = faults(&manifest);
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
        ManifestDocument::parse_stored(serde_json::to_vec(&manifest).unwrap()).unwrap();
    }
    let mut at_the_limits = valid();
    at_the_limits["Policies"] = many(4096).into();
    at_the_limits["ReferenceValues"]["simulated"] = vec![simulated_entry(); 512].into();
    parse(&at_the_limits).unwrap();
}

#[test]
fn nesting_without_end_is_refused_where_it_begins_to_be_too_deep() {
    let error = ManifestDocument::parse(vec![b'['; MAX_MANIFEST_LEN]).unwrap_err();
    assert!(error.to_string().contains("deeper than 16 levels (line 1 column 17)"), "{error}");
}

#[test]
fn every_limit_is_in_the_documentation() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/manifest.md")).unwrap();
    for limit in Limit::ALL {
        let number = limit.maximum().to_string();
        assert!(docs.lines().any(|line| line.contains(&format!("| {number} |"))), "{limit:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_can_crash_the_reader(bytes: Vec<u8>) {
        let _ = ManifestDocument::parse(bytes);
    }

    #[test]
    fn a_value_of_any_type_anywhere_is_read_or_refused_with_a_path(place in 0..200_usize, kind in 0..6_usize) {
        let replacement = [json!(null), json!(true), json!(-1), json!(""), json!([1]), json!({"a": 1})][kind].clone();
        let mut manifest = valid();
        manifest["ReferenceValues"] = json!({ "snp": [snp_entry()], "tdx": [tdx_entry()] });
        let mut left = place;
        replace_nth(&mut manifest, &mut left, &replacement);
        if let Err(error) = parse(&manifest) {
            prop_assert!(!error.faults().is_empty(), "{error}");
        }
    }
}

/// Replaces the n-th value of a tree, counted in the order of its text.
fn replace_nth(value: &mut Value, left: &mut usize, replacement: &Value) -> bool {
    if *left == 0 {
        *value = replacement.clone();
        return true;
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace_nth(item, left, replacement)),
        Value::Object(members) => members.values_mut().any(|item| replace_nth(item, left, replacement)),
        _ => false,
    }
}
