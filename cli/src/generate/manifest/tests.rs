use contrast_manifest::{SeedShareOwnerKey, WorkloadOwnerKey};

use super::*;

fn entry(digest: u8, name: &str) -> Entry {
    Entry {
        digest: [digest; 32],
        former: None,
        identity: format!("apps/v1/Deployment/default/{name}"),
        name: name.to_owned(),
        secret_id: None,
        coordinator: name == "coordinator",
    }
}

fn simulated() -> Value {
    json!({ "simulated": [{
        "Root": "00".repeat(32), "ProductName": "Milan", "TrustedMeasurement": "00".repeat(48),
        "MinimumTCB": { "BootloaderVersion": 0, "TEEVersion": 0, "SNPVersion": 0, "MicrocodeVersion": 0 },
        "GuestPolicy": { "SMT": true },
    }] })
}

fn update(old: Option<&str>, entries: &[Entry]) -> Result<Updated, GenerateError> {
    let owners = ManifestOwners { workload: Some(&[]), seedshare: &[] };
    let old = old.map(|text| text.as_bytes().to_vec());
    updated(
        Path::new("manifest.json"),
        old,
        entries,
        AtHand { values: || Ok(simulated()), given: true },
        owners,
    )
}

fn json_of(updated: &Updated) -> Value {
    serde_json::from_str(&updated.text).unwrap()
}

#[test]
fn a_new_manifest_names_every_workload_with_its_secret_and_the_coordinator_without() {
    let updated = update(None, &[entry(1, "coordinator"), entry(2, "web")]).unwrap();
    let expected = json!({
        "01".repeat(32): { "SANs": ["coordinator", "*"], "Role": "coordinator" },
        "02".repeat(32): { "SANs": ["web", "*"], "WorkloadSecretID": "apps/v1/Deployment/default/web" },
    });
    assert_eq!(json_of(&updated)["Policies"], expected);
    assert!(updated.text.ends_with("}\n") && !updated.keeps_others && updated.missing.is_empty());
    let again = update(Some(&updated.text), &[entry(1, "coordinator"), entry(2, "web")]).unwrap();
    assert_eq!(again.text, updated.text);
}

#[test]
fn what_somebody_wrote_stays_with_its_workload_when_the_policy_changes() {
    let first = update(None, &[entry(1, "coordinator"), entry(2, "web"), entry(3, "db")]).unwrap();
    let edited =
        first.text.replace("\"web\",", "\"web\",   \"192.0.2.1\",").replace("default/db", "default/mine");
    let renamed = [
        Entry { former: Some([1; 32]), ..entry(11, "coordinator") },
        // Known by its secret alone.
        entry(12, "web"),
        Entry { former: Some([3; 32]), ..entry(13, "db") },
    ];
    let updated = update(Some(&edited), &renamed).unwrap();
    let policies = json_of(&updated)["Policies"].clone();
    assert_eq!(policies.as_object().unwrap().len(), 3);
    assert_eq!(policies["0c".repeat(32)]["SANs"], json!(["web", "192.0.2.1", "*"]));
    assert_eq!(policies["0d".repeat(32)]["WorkloadSecretID"], "apps/v1/Deployment/default/mine");
    assert_eq!(policies["0b".repeat(32)]["Role"], "coordinator");
    assert!(updated.dropped.is_empty());
}

#[test]
fn an_annotation_says_what_the_secret_is_derived_from_and_a_secret_that_was_taken_away_stays_away() {
    let first = update(None, &[entry(1, "coordinator"), entry(2, "web"), entry(3, "db")]).unwrap();
    let mut manifest = json_of(&first);
    manifest["Policies"]["03".repeat(32)].as_object_mut().unwrap().remove("WorkloadSecretID");
    let web = Entry { secret_id: Some("shared".to_owned()), ..entry(2, "web") };
    let updated =
        update(Some(&manifest.to_string()), &[entry(1, "coordinator"), web, entry(3, "db")]).unwrap();
    let policies = json_of(&updated)["Policies"].clone();
    assert_eq!(policies["02".repeat(32)]["WorkloadSecretID"], "shared");
    assert_eq!(policies["03".repeat(32)], json!({ "SANs": ["db", "*"] }));
}

#[test]
fn entries_of_workloads_that_are_gone_are_told() {
    let first = update(None, &[entry(1, "coordinator"), entry(2, "web")]).unwrap();
    let updated = update(Some(&first.text), &[entry(1, "coordinator")]).unwrap();
    assert_eq!(json_of(&updated)["Policies"].as_object().unwrap().len(), 1);
    let [dropped] = &updated.dropped[..] else { panic!("{:?}", updated.dropped) };
    assert!(dropped.contains(&"02".repeat(32)) && dropped.contains("web"), "{dropped}");
}

#[test]
fn reference_values_that_are_there_stay_and_missing_ones_are_named() {
    let first = update(None, &[entry(1, "coordinator")]).unwrap();
    let mut manifest = json_of(&first);
    manifest["ReferenceValues"]["simulated"][0]["TrustedMeasurement"] = Value::Null;
    manifest["ReferenceValues"]["simulated"][0]["MinimumTCB"]["SNPVersion"] = Value::Null;
    let updated = update(Some(&manifest.to_string()), &[entry(1, "coordinator")]).unwrap();
    let expected = ["TrustedMeasurement", "MinimumTCB.SNPVersion"]
        .map(|name| format!("ReferenceValues.simulated[0].{name}"));
    assert_eq!(updated.missing, expected);
    assert!(updated.keeps_others);
    for path in &updated.missing {
        assert!(!where_to_find(path).contains("docs/manifest.md"), "{path}");
    }
}

#[test]
fn owners_are_added_once_in_the_form_of_the_manifest() {
    let (workload, seedshare) =
        (WorkloadOwnerKey::generate().unwrap(), SeedShareOwnerKey::generate().unwrap());
    let (workload, seedshare) = ([workload.owner()], [seedshare.owner().clone()]);
    let owners = ManifestOwners { workload: Some(&workload), seedshare: &seedshare };
    let run = |old: Option<&str>, owners| {
        let old = old.map(|text| text.as_bytes().to_vec());
        updated(
            Path::new("m"),
            old,
            &[entry(1, "coordinator")],
            AtHand { values: || Ok(simulated()), given: true },
            owners,
        )
        .unwrap()
    };
    let first = run(None, owners);
    assert_eq!(
        json_of(&first)["WorkloadOwnerPubKeys"],
        json!([hex::encode(workload[0].spki_der().unwrap())])
    );
    assert_eq!(json_of(&first)["SeedshareOwnerPubKeys"], json!([seedshare[0].to_hex()]));
    assert_eq!(run(Some(&first.text), owners).text, first.text);

    let mut older = json_of(&first);
    older.as_object_mut().unwrap().remove("WorkloadOwnerPubKeys");
    older["WorkloadOwnerKeyDigests"] = Value::Null;
    let updated = json_of(&run(Some(&older.to_string()), owners));
    assert_eq!(updated["WorkloadOwnerKeyDigests"], json!([hex::encode(workload[0].digest())]));
    assert_eq!(updated.get("WorkloadOwnerPubKeys"), None);

    let nobody = json_of(&run(Some(&first.text), ManifestOwners { workload: None, ..owners }));
    assert_eq!(nobody["WorkloadOwnerPubKeys"], json!([]));
}

#[test]
fn a_manifest_that_cannot_be_used_is_refused_with_its_place() {
    for text in ["", "[]", "{", "{}\n---\n{}"] {
        let error = update(Some(text), &[entry(1, "coordinator")]).unwrap_err();
        assert!(
            matches!(error, GenerateError::ManifestText(_) | GenerateError::ManifestForm(_)),
            "{text}: {error}"
        );
    }
    let error = update(Some("{\"policies\": {}}"), &[entry(1, "coordinator")]).unwrap_err();
    assert!(matches!(&error, GenerateError::Manifest { .. }), "{error}");
    assert!(error.to_string().contains("policies: is not a field"), "{error}");
    assert!(matches!(update(None, &[entry(2, "web")]), Err(GenerateError::NoCoordinator)));
}
