//! `contrast collateral`, and `--collateral` of other commands, with a server on this machine for AMD and Intel.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
};

use contrast_attestation::collateral::Bundle;
use serde_json::{Value, json};

/// Runs the program with a cache of its own.
fn contrast(workspace: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contrast"));
    command.env("CONTRAST_WORKSPACE_DIR", workspace).env("CONTRAST_CACHE_DIR", workspace.join("cache"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn tcb() -> Value {
    json!({ "BootloaderVersion": 0, "TEEVersion": 0, "SNPVersion": 0, "MicrocodeVersion": 0 })
}

fn snp_entry(product: &str) -> Value {
    json!({
        "ProductName": product, "TrustedMeasurement": "11".repeat(48), "MinimumTCB": tcb(),
        "GuestPolicy": { "SMT": true }, "PlatformInfo": { "SMTEnabled": true },
    })
}

fn simulated_entry() -> Value {
    json!({
        "Root": "00".repeat(32), "ProductName": "Milan", "TrustedMeasurement": "00".repeat(48),
        "MinimumTCB": tcb(), "GuestPolicy": { "SMT": true },
    })
}

/// A workspace with a manifest for this hardware.
fn workspace(reference_values: Value) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let policies = json!({ "aa".repeat(32): { "SANs": ["coordinator"], "Role": "coordinator" } });
    let manifest = json!({ "Policies": policies, "ReferenceValues": reference_values });
    fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
    dir
}

/// A server that gives every request this answer, and the paths that it was asked for.
fn vendor(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let paths = Arc::<Mutex<Vec<String>>>::default();
    let log = Arc::clone(&paths);
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            log.lock().unwrap().push(head.concat().split(' ').nth(1).unwrap().to_owned());
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, paths)
}

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const LOGIN_PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";

#[test]
fn a_bundle_for_simulated_hardware_is_empty() {
    let dir = workspace(json!({ "simulated": [simulated_entry()] }));
    let out = dir.path().join("bundle.json");
    let output = contrast(dir.path(), &["collateral", "fetch", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert!(Bundle::parse(&fs::read(out).unwrap()).unwrap().items().is_empty());
}

#[test]
fn a_bundle_that_would_be_incomplete_is_not_written_and_everything_that_is_missing_is_told() {
    let dir = workspace(json!({ "snp": [snp_entry("Genoa"), snp_entry("Genoa")] }));
    let out = dir.path().join("bundle.json");
    for (answer, reason) in [(NOT_FOUND, "status 404"), (LOGIN_PAGE, "not to be trusted")] {
        let (url, paths) = vendor(answer);
        let arguments =
            ["--out", out.to_str().unwrap(), "--collateral-proxy", &url, "--fmspc", "b0c06f000000"];
        let output = contrast(dir.path(), &[&["collateral", "fetch"][..], &arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = stderr(&output);
        assert!(text.contains("2 items") && text.contains("revocation list of ARK-Genoa"), "{text}");
        assert!(text.contains("FMSPC b0c06f000000") && text.contains(reason), "{text}");
        assert!(text.contains("help: "), "{text}");
        assert!(!out.exists() && !dir.path().join("cache").exists());
        let paths = paths.lock().unwrap().clone();
        assert_eq!(paths, ["/vcek/v1/Genoa/crl", "/tdx/certification/v4/tcb?fmspc=b0c06f000000"]);
    }
}

#[test]
fn wrong_options_end_with_2() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["collateral"][..],
        &["collateral", "fetch"],
        &["collateral", "fetch", "--out", "x", "--fmspc", "b0c0"],
        &["collateral", "fetch", "--out", "x", "--url", "https://example.org/crl"],
        &["verify", "-c", "c", "--collateral-proxy", "pccs:8081"],
    ] {
        let output = contrast(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_bundle_that_cannot_be_used_ends_a_command_before_anything_is_sent() {
    let dir = workspace(json!({ "simulated": [simulated_entry()] }));
    let bundle = dir.path().join("bundle.json");
    fs::write(&bundle, r#"{"version": 2, "items": []}"#).unwrap();
    for (file, reason) in [(bundle.as_path(), "version 2"), (Path::new("/nowhere"), "cannot read")] {
        let arguments = ["verify", "-c", "127.0.0.1:1", "--collateral", file.to_str().unwrap()];
        let output = contrast(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains(reason) && stderr(&output).contains("help: "), "{output:?}");
    }
}
