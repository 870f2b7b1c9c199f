//! `contrast attestation check`, with evidence of a simulated processor and with a captured quote.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod captures;

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use contrast_attestation::{
    ReportData,
    simulated::{Hierarchy, Processor},
    snp::Product,
    tdx::Document,
};
use serde_json::{Value, json};

use captures::{captured, tdx_bundle};

const HOST_DATA: [u8; 32] = [0xAA; 32];

/// Making its RSA keys takes seconds.
static PROCESSOR: LazyLock<Processor> =
    LazyLock::new(|| Processor::new(&Hierarchy::generate(Product::Genoa).unwrap()).unwrap());

fn contrast(workspace: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contrast"));
    command.env("CONTRAST_WORKSPACE_DIR", workspace).env("CONTRAST_CACHE_DIR", workspace.join("cache"));
    command.args(["attestation", "check"]).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A workspace with a manifest that has these simulated entries, made from that of the processor.
fn workspace(entries: impl FnOnce(Value) -> Vec<Value>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let entries = entries(PROCESSOR.reference_values_json());
    let policies = json!({ hex::encode(HOST_DATA): { "SANs": ["coordinator"], "Role": "coordinator" } });
    let manifest = json!({ "Policies": policies, "ReferenceValues": { "simulated": entries } });
    fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
    dir
}

/// Writes evidence with this host data, and gives the path of its file.
fn evidence(dir: &Path, host_data: [u8; 32]) -> String {
    let evidence = PROCESSOR.report_builder(host_data, ReportData([7; 64])).evidence().unwrap();
    let path = dir.join("evidence");
    fs::write(&path, evidence.document).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn evidence_that_fits_is_accepted_and_what_a_file_cannot_show_is_named() {
    let dir = workspace(|entry| vec![entry]);
    let file = evidence(dir.path(), HOST_DATA);
    let output = contrast(dir.path(), &[&file]);
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("ACCEPTED by ReferenceValues.simulated[0]"), "{text}");
    assert!(text.contains("not checked: REPORT_DATA") && text.contains("not checked: revocation"), "{text}");
    for open in ["LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR: ", "which chip it is: ", "AUTHOR_KEY_DIGEST: "] {
        assert!(text.contains(&format!("not checked: {open}")), "{text}");
    }
    assert!(!text.to_lowercase().contains("ok"), "{text}");
    let output = contrast(dir.path(), &["--output", "json", &file]);
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["accepted"], true);
    assert_eq!(verdict["policy"], hex::encode(HOST_DATA));
    assert_eq!(verdict["not_checked"][0]["what"], "REPORT_DATA");
}

#[test]
fn every_mismatch_comes_with_its_place_in_the_manifest_and_a_remedy_the_nearest_entry_first() {
    let dir = workspace(|entry| {
        let mut far = entry.clone();
        far["TrustedMeasurement"] = "11".repeat(48).into();
        vec![far, entry]
    });
    let file = evidence(dir.path(), [0xBB; 32]);
    let output = contrast(dir.path(), &["--output", "json", &file]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["accepted"], false);
    let entries = &verdict["entries"];
    assert_eq!(entries[0]["entry"], "ReferenceValues.simulated[1]");
    let finding = &entries[0]["findings"][0];
    assert_eq!(finding["field"], "report field HOST_DATA");
    assert_eq!(finding["path"], "Policies");
    assert_eq!(finding["found"], "bb".repeat(32));
    assert!(finding["expected"].as_str().unwrap().contains(&hex::encode(HOST_DATA)), "{finding}");
    assert!(finding["remedy"].as_str().unwrap().contains("resource files"), "{finding}");
    let paths: Vec<_> = entries[1]["findings"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
    assert!(paths.contains(&&json!("ReferenceValues.simulated[0].TrustedMeasurement")), "{paths:?}");
    let text = stdout(&contrast(dir.path(), &[&file]));
    assert!(text.contains("REFUSED\nReferenceValues.simulated[1] (nearest)"), "{text}");
    assert!(text.contains("found:    ") && text.contains("remedy:   "), "{text}");
    assert!(!text.contains("ACCEPTED"), "{text}");
}

#[test]
fn a_bare_report_is_read_and_refused_for_the_certificates_that_it_lacks() {
    let dir = workspace(|entry| vec![entry]);
    let report = PROCESSOR.report_builder(HOST_DATA, ReportData([7; 64])).sign().unwrap().report;
    let path = dir.path().join("report");
    fs::write(&path, report.to_bytes()).unwrap();
    let output = contrast(dir.path(), &[path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = stdout(&output);
    assert!(text.starts_with("SNP report, simulated"), "{text}");
    assert!(text.contains("certificate") && text.contains("none in the evidence"), "{text}");
}

#[test]
fn evidence_that_the_manifest_has_no_entry_for_is_refused() {
    let dir = workspace(|entry| vec![entry]);
    let file = evidence(dir.path(), HOST_DATA);
    let manifest = json!({
        "Policies": { hex::encode(HOST_DATA): { "SANs": ["coordinator"], "Role": "coordinator" } },
        "ReferenceValues": { "tdx": [{
            "MrTd": "44".repeat(48), "MrSeam": "55".repeat(48), "Xfam": "e700060000000000",
            "Rtmrs": ["66".repeat(48), "77".repeat(48), "88".repeat(48), "99".repeat(48)],
        }] },
    });
    let path = dir.path().join("tdx.json");
    fs::write(&path, manifest.to_string()).unwrap();
    let bundle = dir.path().join("bundle.json");
    fs::write(&bundle, r#"{"version": 1, "items": []}"#).unwrap();
    let arguments =
        ["-m", path.to_str().unwrap(), "--collateral", bundle.to_str().unwrap(), "--output", "json", &file];
    let output = contrast(dir.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["entries"], json!([]));
}

#[test]
fn what_is_no_evidence_is_refused_with_the_forms_that_are() {
    let dir = workspace(|entry| vec![entry]);
    for (bytes, reason) in [(vec![0; 1184], "version 0"), (vec![4, 0, 2], "ends"), (vec![0xFF; 9], "as SNP")]
    {
        let path = dir.path().join("garbage");
        fs::write(&path, bytes).unwrap();
        let output = contrast(dir.path(), &[path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(reason) && text.contains("help: give an SNP report"), "{text}");
    }
}

/// What Intel published about the platform of the captured quote is out of date for ever, and `check` goes by the
/// clock of the machine. So it always refuses here; which evidence it accepts in time, the library's tests show.
#[test]
fn tdx_evidence_is_judged_entry_by_entry_with_places_remedies_and_stale_collateral_told() {
    let (Some(quote), Some(bundle)) = (captured("tdx/quote-v4.bin"), tdx_bundle()) else { return };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("quote"), &quote).unwrap();
    fs::write(dir.path().join("bundle.json"), bundle.encode().unwrap()).unwrap();
    fs::write(dir.path().join("none.json"), r#"{"version": 1, "items": []}"#).unwrap();
    let body = Document::from_platform(&quote).unwrap().quote.body;
    let fitting = json!({
        "MrTd": hex::encode(body.mr_td), "MrSeam": hex::encode(body.mr_seam), "Xfam": hex::encode(body.xfam),
        "Rtmrs": body.rtmrs.map(hex::encode),
    });
    let mut far = fitting.clone();
    far["MrTd"] = "55".repeat(48).into();
    far["MrSeam"] = "66".repeat(48).into();
    far["Rtmrs"][2] = "77".repeat(48).into();
    far["Xfam"] = "e718060000000001".into();
    far["MinTCBEvaluationDataNumber"] = 18.into();
    far["AllowedPIIDs"] = json!(["cd".repeat(16)]);
    far["MemoryIntegrity"] = true.into();
    far["SMTDisabled"] = true.into();
    far["StaticPlatform"] = true.into();
    let policies = json!({ "00".repeat(32): { "SANs": ["coordinator"], "Role": "coordinator" } });
    let manifest = json!({ "Policies": policies, "ReferenceValues": { "tdx": [far, fitting] } });
    fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let verdict = |bundle: &str| -> Value {
        let arguments = ["--collateral", &path(bundle), "--output", "json", &path("quote")];
        let output = contrast(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };

    let stale = verdict("bundle.json");
    assert_eq!(stale["form"], "TDX quote");
    let [nearest, farther] = &stale["entries"].as_array().unwrap()[..] else { panic!("{stale}") };
    assert_eq!(nearest["entry"], "ReferenceValues.tdx[1]");
    // Nothing but dates is against it, and each of them has a remedy.
    for finding in nearest["findings"].as_array().unwrap() {
        assert!(finding["field"].as_str().unwrap().ends_with(" validity"), "{finding}");
        assert_eq!(finding["path"], Value::Null);
        assert!(finding["remedy"].as_str().unwrap().contains("fetch the collateral again"), "{finding}");
    }
    let fields: Vec<_> = nearest["findings"].as_array().unwrap().iter().map(|one| &one["field"]).collect();
    assert!(fields.contains(&&json!("TCB info validity")), "{fields:?}");

    for (field, value, remedy) in [
        ("quote field MR_TD", "MrTd", "image"),
        ("quote field MR_SEAM", "MrSeam", "TDX module"),
        ("quote field RTMR2", "Rtmrs", "image"),
        ("quote field XFAM", "Xfam", "runtime"),
        ("TCB evaluation data number of the collateral", "MinTCBEvaluationDataNumber", "newer collateral"),
        ("PCK certificate field Platform Instance ID", "AllowedPIIDs", "list"),
        ("PCK certificate field SGX Type", "MemoryIntegrity", "platform"),
        ("PCK certificate field SMT Enabled", "SMTDisabled", "platform"),
        ("PCK certificate field Dynamic Platform", "StaticPlatform", "platform"),
    ] {
        let mut findings = farther["findings"].as_array().unwrap().iter();
        let finding =
            findings.find(|finding| finding["field"] == field).unwrap_or_else(|| panic!("{farther}"));
        assert_eq!(finding["path"], format!("ReferenceValues.tdx[0].{value}"), "{finding}");
        assert!(finding["remedy"].as_str().unwrap().contains(remedy), "{finding}");
        assert!(!finding["expected"].as_str().unwrap().is_empty(), "{finding}");
    }

    let without = verdict("none.json");
    let [finding] = &without["entries"][0]["findings"].as_array().unwrap()[..] else { panic!("{without}") };
    assert_eq!(finding["field"], "collateral for FMSPC b0c06f000000 (platform CA)");
    assert!(finding["remedy"].as_str().unwrap().contains("--fmspc"), "{finding}");
}
