//! `contrast attestation show`, with evidence of a simulated processor, captured evidence, and a server that replays.
//!
//! The captures are not part of this repository. They are looked for in the directory that
//! `CONTRAST_SHARED_DATA` names, by default next to the repository. In CI they must be there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod captures;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, LazyLock, Mutex},
};

use contrast_attestation::{
    AttestError, Attester, Evidence, EvidenceType, ReportData,
    atls::{Acceptor, ClientPolicy, HANDSHAKE_TIMEOUT},
    simulated::{EndorsementTemplate, Hierarchy, Processor, ReportBuilder},
    snp::{Document, Endorsements, Product, Report},
    tdx,
};
use serde_json::{Value, json};

use captures::{captured, tdx_bundle};

/// Making its RSA keys takes seconds.
static HIERARCHY: LazyLock<Hierarchy> = LazyLock::new(|| Hierarchy::generate(Product::Genoa).unwrap());
static PROCESSOR: LazyLock<Processor> = LazyLock::new(|| Processor::new(&HIERARCHY).unwrap());

/// Runs `contrast attestation show` without any vendor.
fn show(workspace: &Path, arguments: &[&str]) -> Output {
    let bundle = workspace.join("empty.json");
    fs::write(&bundle, r#"{"version": 1, "items": []}"#).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_contrast"));
    command.current_dir(workspace).env("CONTRAST_COLLATERAL", bundle).env("CONTRAST_CACHE_DIR", "cache");
    command.args(["attestation", "show"]).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The outcome of a check, by its name.
fn outcome<'a>(shown: &'a Value, check: &str) -> &'a str {
    shown.pointer(&format!("/checks/{check}/outcome")).and_then(Value::as_str).unwrap()
}

/// Shows evidence of a document, for people and for programs.
fn both(document: &[u8]) -> (Output, Value) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("evidence"), document).unwrap();
    let table = show(dir.path(), &["evidence"]);
    let json = show(dir.path(), &["--output", "json", "evidence"]);
    assert_eq!(table.status.code(), json.status.code());
    (table, json_of(&json))
}

fn builder() -> ReportBuilder<'static> {
    PROCESSOR.report_builder([0xAA; 32], ReportData([7; 64]))
}

#[test]
fn every_field_of_a_report_is_shown_under_the_name_of_the_specification() {
    let names = [
        "VERSION",
        "GUEST_SVN",
        "POLICY",
        "FAMILY_ID",
        "IMAGE_ID",
        "VMPL",
        "SIGNATURE_ALGO",
        "CURRENT_TCB",
        "PLATFORM_INFO",
        "AUTHOR_KEY_EN",
        "MASK_CHIP_KEY",
        "SIGNING_KEY",
        "REPORT_DATA",
        "MEASUREMENT",
        "HOST_DATA",
        "ID_KEY_DIGEST",
        "AUTHOR_KEY_DIGEST",
        "REPORT_ID",
        "REPORT_ID_MA",
        "REPORTED_TCB",
        "CHIP_ID",
        "COMMITTED_TCB",
        "CURRENT_BUILD",
        "CURRENT_MINOR",
        "CURRENT_MAJOR",
        "COMMITTED_BUILD",
        "COMMITTED_MINOR",
        "COMMITTED_MAJOR",
        "LAUNCH_TCB",
        "R_COMPONENT",
        "S_COMPONENT",
    ];
    let since_3 = ["CPUID_FAM_ID", "CPUID_MOD_ID", "CPUID_STEP"];
    let since_5 = ["LAUNCH_MIT_VECTOR", "CURRENT_MIT_VECTOR"];
    for version in [2, 3, 4, 5] {
        let (table, json) = both(&builder().version(version).evidence().unwrap().document);
        let table = text(&table.stdout);
        let has = |name: &str| table.lines().any(|line| line.split_whitespace().next() == Some(name));
        for name in names {
            assert!(has(name), "version {version}, {name}: {table}");
        }
        assert!(since_3.iter().all(|name| has(name) == (version >= 3)), "version {version}: {table}");
        assert!(since_5.iter().all(|name| has(name) == (version >= 5)), "version {version}: {table}");
        let report = &json["report"];
        assert_eq!(report["version"], version);
        assert_eq!(report["host_data"], "aa".repeat(32));
        let tcb = PROCESSOR.tcb();
        let parts = json!({
            "raw": format!("{:#018x}", tcb.encode(Product::Genoa)), "boot_loader": tcb.bootloader, "tee": tcb.tee,
            "snp": tcb.snp, "microcode": tcb.microcode,
        });
        assert_eq!(report["launch_tcb"], parts);
        assert_eq!(report.get("cpuid_fam_id").is_some(), version >= 3);
        assert_eq!(json["product_lines"], json!(["Genoa"]));
    }
}

#[test]
fn policy_and_platform_info_are_shown_bit_by_bit_and_unknown_bits_are_told() {
    let evidence = builder().edit(|report| {
        report.policy = 0x0102 | 1 << 17 | 1 << 19 | 1 << 40;
        report.platform_info = 0b10_0001;
    });
    let (table, json) = both(&evidence.evidence().unwrap().document);
    let policy = &json["report"]["policy"];
    assert_eq!((&policy["abi_major"], &policy["abi_minor"]), (&json!(1), &json!(2)));
    assert_eq!((&policy["debug"], &policy["smt"]), (&json!(true), &json!(false)));
    assert_eq!(policy["unknown_bits"], "0x0000010000000000");
    let platform = &json["report"]["platform_info"];
    assert_eq!((&platform["smt_en"], &platform["tsme_en"]), (&json!(true), &json!(false)));
    assert_eq!(platform["alias_check_complete"], true);
    assert!(platform.get("unknown_bits").is_none(), "{platform}");
    assert!(text(&table.stdout).contains("    DEBUG                   true\n"), "{}", text(&table.stdout));
}

#[test]
fn simulated_evidence_is_called_simulated_and_its_root_is_never_called_verified() {
    let (table, json) = both(&builder().evidence().unwrap().document);
    assert!(table.status.success(), "{table:?}");
    assert!(text(&table.stderr).contains("WARNING: the evidence is of SIMULATED hardware"), "{table:?}");
    for (check, expected) in [
        ("certificate_chain", "not_checked"),
        ("report_signature", "verified"),
        ("endorsement_key", "verified"),
        ("certificate_validity", "verified"),
        ("revocation", "not_checked"),
        ("report_data", "not_checked"),
        ("reference_values", "not_checked"),
    ] {
        assert_eq!(outcome(&json, check), expected, "{check}");
        let line = match expected {
            "verified" => "verified: ",
            _ => "not checked: ",
        };
        let table = text(&table.stdout);
        let shown =
            table.lines().find(|shown| shown.trim_start().starts_with(&check.replace('_', " "))).unwrap();
        assert!(shown.contains(line), "{shown}");
    }
    let vcek = &json["certificates"]["vcek"];
    assert_eq!((&vcek["from"], &vcek["dates"]), (&json!("evidence"), &json!("current")));
    assert_eq!(vcek["hwid"], json["report"]["chip_id"]);
    assert!(json["evidence"].as_str().unwrap().contains("not confidential"), "{json}");
}

#[test]
fn evidence_that_does_not_hold_is_shown_and_fails_with_the_checks_that_failed() {
    let mut document = builder().sign().unwrap();
    document.report.measurement[0] ^= 1;
    let (table, json) = both(&document.encode());
    assert_eq!(table.status.code(), Some(1), "{table:?}");
    assert_eq!(outcome(&json, "report_signature"), "failed");
    assert_eq!(json["report"]["measurement"], hex::encode(document.report.measurement));
    let (out, err) = (text(&table.stdout), text(&table.stderr));
    assert!(out.contains("report signature      FAILED: signature does not verify"), "{out}");
    assert!(err.contains("Error: the evidence is shown, but it does not hold: report signature\n"), "{err}");
    assert!(err.contains("help: "), "{err}");
}

#[test]
fn a_certificate_cannot_write_lines_or_control_the_terminal() {
    let forged = "Genoa\x1b[2J\n  certificate chain  verified: forged";
    let tcb = PROCESSOR.tcb();
    let key = p384::SecretKey::from_slice(&[9; 48]).unwrap().public_key();
    let spki = p384::pkcs8::EncodePublicKey::to_public_key_der(&key).unwrap().to_vec();
    let mut template = EndorsementTemplate::new(Product::Genoa, tcb, PROCESSOR.chip_id().to_vec(), spki);
    template.product_name = forged.to_owned();
    let vcek = HIERARCHY.issue(&template).unwrap();
    let (table, json) = both(&builder().endorse(|sent| sent.vcek = vcek).evidence().unwrap().document);
    assert_eq!(table.status.code(), Some(1), "the report is of another key");
    assert_eq!(json["certificates"]["vcek"]["productname"], forged);
    let table = text(&table.stdout);
    assert!(table.contains("verified: forged"), "it is shown: {table}");
    assert!(!table.contains('\x1b'), "{table}");
    assert!(!table.lines().any(|line| line.starts_with("  certificate chain  verified")), "{table}");
}

#[test]
fn a_captured_report_is_verified_with_its_certificate_and_not_checked_without() {
    let (Some(report), Some(vcek)) = (captured("snp/milan-report-v2.bin"), captured("snp/milan-vcek.der"))
    else {
        return;
    };
    let (bare, json) = both(&report);
    assert!(bare.status.success(), "{bare:?}");
    for check in
        ["certificate_chain", "report_signature", "endorsement_key", "certificate_validity", "revocation"]
    {
        assert_eq!(outcome(&json, check), "not_checked", "{check}");
    }
    assert!(!text(&bare.stdout).contains("verified"), "{bare:?}");
    assert_eq!((&json["form"], &json["evidence"]), (&json!("SNP report"), &json!("SEV-SNP")));
    assert_eq!(json["report"]["reported_tcb"]["microcode"], 68);

    let endorsements = Endorsements { vcek, ..Endorsements::default() };
    let document = Document { report: Report::parse(&report).unwrap(), endorsements, product: None };
    let (whole, json) = both(&document.encode());
    assert!(whole.status.success(), "{whole:?}");
    for check in ["certificate_chain", "report_signature", "endorsement_key"] {
        assert_eq!(outcome(&json, check), "verified", "{check}");
    }
    // It came without a list, and the bundle has none.
    assert_eq!(outcome(&json, "revocation"), "not_checked");
    assert_eq!(json["certificates"]["vcek"]["productname"], "Milan-B0");
    assert_eq!(json["certificates"]["vcek"]["serial_number"], "00");
    assert_eq!(json["certificates"]["ark"]["from"], "program");
}

#[test]
fn a_captured_quote_is_shown_with_its_platform_and_what_intel_said_then() {
    let Some(quote) = captured("tdx/quote-v4.bin") else { return };
    let (alone, json) = both(&quote);
    assert!(alone.status.success(), "{alone:?}");
    for (check, expected) in [
        ("certificate_chain", "verified"),
        ("quote_signature", "verified"),
        ("quoting_enclave", "verified"),
        ("collateral", "not_checked"),
        ("revocation", "not_checked"),
        ("platform", "not_checked"),
        ("collateral_validity", "not_checked"),
    ] {
        assert_eq!(outcome(&json, check), expected, "{check}");
    }
    assert_eq!((&json["tcb_status"], &json["collateral"]), (&Value::Null, &Value::Null));
    assert_eq!(json["header"]["qe_vendor_id"], "939a7233f79c4ca9940a0db3957f0607");
    let attributes = &json["td_report"]["tdattributes"];
    assert_eq!((&attributes["sept_ve_disable"], &attributes["debug"]), (&json!(true), &json!(false)));
    assert_eq!(json["td_report"]["xfam"]["tiledata"], true);
    let pck = &json["certificates"]["pck"];
    assert_eq!(pck["fmspc"], "b0c06f000000");
    assert_eq!(pck["platform_instance_id"], "07828474603e7019dc930775ffe8cdd2");
    assert_eq!(pck["sgx_type"], 1);

    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("bundle.json");
    fs::write(&bundle, tdx_bundle().unwrap().encode().unwrap()).unwrap();
    fs::write(dir.path().join("quote"), quote).unwrap();
    let arguments = ["--collateral", "bundle.json", "--output", "json", "quote"];
    let output = show(dir.path(), &arguments);
    let json = json_of(&output);
    for check in ["collateral", "revocation", "platform"] {
        assert_eq!(outcome(&json, check), "verified", "{check}");
    }
    assert_eq!(json["tcb_status"]["platform_tcb_status"]["status"], "UpToDate");
    assert_eq!(json["collateral"]["tcb_evaluation_data_number"], 17);
    // It was good until 2025-07-19, and that time is over.
    assert_eq!(json["collateral"]["tcb_info"]["dates"], "in the past");
    assert_eq!(outcome(&json, "collateral_validity"), "failed");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("does not hold: collateral validity\n"), "{output:?}");
}

#[test]
fn a_quote_of_version_5_has_the_fields_that_tdx_1_5_adds() {
    let Some(quote) = captured("tdx/quote-v4.bin") else { return };
    let mut quote = tdx::Document::from_platform(&quote).unwrap().quote;
    let added = ["TEE_TCB_SVN_2", "MRSERVICETD"];
    for version in [4, 5] {
        let is_1_5 = version == 5;
        quote.header.version = version;
        quote.body.tdx_1_5 =
            is_1_5.then_some(tdx::Tdx15Fields { tee_tcb_svn_2: [2; 16], mr_service_td: [3; 48] });
        let (table, json) = both(&quote.encode());
        // The change was not signed.
        assert_eq!(outcome(&json, "quote_signature"), if is_1_5 { "failed" } else { "verified" });
        assert_eq!(table.status.code(), Some(i32::from(is_1_5)), "{table:?}");
        let table = text(&table.stdout);
        assert!(added.iter().all(|name| table.contains(name) == is_1_5), "{table}");
        assert_eq!(json["header"]["version"], version);
        let service_td = if is_1_5 { json!("03".repeat(48)) } else { Value::Null };
        assert_eq!(json["td_report"]["mrservicetd"], service_td);
        // As a manifest has it.
        assert_eq!(json["td_report"]["xfam"]["raw"], hex::encode(quote.body.xfam));
    }
}

#[test]
fn what_is_missing_is_asked_for() {
    let Some(quote) = captured("tdx/quote-v4.bin") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let vendor = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let log = Arc::clone(&asked);
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            log.lock().unwrap().extend(line.split(' ').nth(1).map(str::to_owned));
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("quote"), quote).unwrap();
    let output = show(dir.path(), &["--collateral-proxy", &vendor, "--output", "json", "quote"]);
    assert!(output.status.success(), "{output:?}");
    let json = json_of(&output);
    assert_eq!(outcome(&json, "collateral"), "not_checked");
    assert!(json["checks"]["collateral"]["detail"].as_str().unwrap().contains("404"), "{json}");
    let asked = asked.lock().unwrap();
    assert!(asked.contains(&"/tdx/certification/v4/tcb?fmspc=b0c06f000000".to_owned()), "{asked:?}");
}

#[test]
fn what_is_no_evidence_and_what_is_no_command_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("garbage"), [0xFF; 9]).unwrap();
    let output = show(dir.path(), &["garbage"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(text(&output.stderr).contains("help: give an SNP report"), "{output:?}");
    for arguments in
        [&[][..], &["garbage", "--coordinator", "localhost"], &["garbage", "--save", "x"], &["--save", "x"]]
    {
        let output = show(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}

/// Presents evidence that was made for another connection.
struct Replaying(Evidence);

impl Attester for Replaying {
    fn evidence_type(&self) -> EvidenceType {
        self.0.evidence_type
    }

    fn attest(&self, _: &ReportData) -> Result<Evidence, AttestError> {
        Ok(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_another_connection_is_found_out() {
    let evidence = builder().evidence().unwrap();
    let acceptor = Acceptor::new(Arc::new(Replaying(evidence.clone())), HANDSHAKE_TIMEOUT);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = acceptor.accept(stream, ClientPolicy::Optional).await;
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let arguments = move || show(&path, &["-c", &address, "--save", "saved", "--output", "json"]);
    let output = tokio::task::spawn_blocking(arguments).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let json = json_of(&output);
    assert_eq!(outcome(&json, "report_data"), "failed");
    assert_eq!(outcome(&json, "report_signature"), "verified");
    assert!(text(&output.stderr).contains("does not hold: report data\n"), "{output:?}");
    assert_eq!(fs::read(dir.path().join("saved")).unwrap(), evidence.document);
}
