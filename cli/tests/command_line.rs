//! The program as a shell sees it: exit codes, stdout, stderr and files. What needs a Coordinator is tested with
//! whole deployments elsewhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use contrast_manifest::{
    ManifestDocument, SeedShareOwnerKey, WorkloadOwnerKey, WorkloadOwners, transition_hash,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

fn contrast(workspace: &Path, arguments: &[&str]) -> Output {
    command(workspace, arguments).output().unwrap()
}

fn command(workspace: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contrast"));
    command.env("CONTRAST_WORKSPACE_DIR", workspace).args(arguments).stdin(Stdio::null());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A workspace with a valid manifest and the resource that belongs to it.
fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    // SHA-256 of the four bytes `pass`.
    let digest = "d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1";
    let simulated = json!({
        "Root": "00".repeat(32), "ProductName": "Milan", "TrustedMeasurement": "00".repeat(48),
        "MinimumTCB": { "BootloaderVersion": 0, "TEEVersion": 0, "SNPVersion": 0, "MicrocodeVersion": 0 },
        "GuestPolicy": { "SMT": true },
    });
    let manifest = json!({
        "Policies": { digest: { "SANs": ["coordinator"], "Role": "coordinator" } },
        "ReferenceValues": { "simulated": [simulated] },
    });
    fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
    let pod = "kind: Pod\nmetadata:\n  name: coordinator\n  annotations:\n    \
               io.katacontainers.config.agent.policy: cGFzcw==\n";
    fs::write(dir.path().join("pod.yaml"), pod).unwrap();
    dir
}

/// An address where nothing listens.
fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn wrong_usage_ends_with_2_and_shows_how_it_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["set"][..],
        &["set", "-c", "c"],
        &["verify"],
        &["verify", "-c", "https://c"],
        &["set", "-c", "c", "--latest-transition", "00", "x"],
        &["set", "-c", "c", "--atomic", "--latest-transition", "00", "x"],
        &["sign", "--out", "o", "--latest-transition", "zz"],
        &["history"],
        &["history", "--offline", "d", "-c", "c"],
        &["history", "--offline", "d", "--diff", "1"],
        &["--log-level", "loud", "verify", "-c", "c"],
        &["simulator", "init", "--dir", "d", "--product", "Rome"],
        &["frobnicate"],
    ] {
        let output = contrast(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_version_is_printed_with_the_programs_name() {
    let output = contrast(Path::new("."), &["--version"]);
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("contrast version 0."));
}

#[test]
fn an_invalid_manifest_is_reported_with_every_path_and_what_to_do() {
    let dir = workspace();
    fs::write(dir.path().join("manifest.json"), r#"{"Policies": {"ab": {}}, "Polices": 1}"#).unwrap();
    let output = contrast(dir.path(), &["verify", "-c", &closed_port()]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    for part in [
        "Error: ",
        "manifest.json cannot be used",
        "Policies[\"ab\"]: must have 32 bytes",
        "Polices: is not",
        "help: ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn an_absent_manifest_is_reported_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let output = contrast(dir.path(), &["recover", "-c", &closed_port()]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains(&format!("cannot read {}", dir.path().join("manifest.json").display())), "{text}");
    assert!(text.contains("No such file"), "{text}");
}

#[test]
fn a_file_option_that_is_given_is_not_looked_for_in_the_workspace() {
    let dir = workspace();
    let output = contrast(dir.path(), &["verify", "-c", &closed_port(), "-m", "manifest.json"]);
    assert!(stderr(&output).contains("cannot read manifest.json"), "{}", stderr(&output));
}

#[test]
fn verify_does_not_wait_for_a_coordinator_that_is_not_there() {
    let dir = workspace();
    let output = contrast(dir.path(), &["verify", "-c", &closed_port()]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("cannot connect to 127.0.0.1:") && text.contains("help: check the address"),
        "{text}"
    );
    assert!(!dir.path().join("verify").exists());
}

#[test]
fn set_waits_for_a_coordinator_until_its_patience_ends() {
    let dir = workspace();
    let pod = dir.path().join("pod.yaml");
    let arguments = ["set", "-c", &closed_port(), "--timeout", "2", pod.to_str().unwrap()];
    let begin = std::time::Instant::now();
    let output = contrast(dir.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(begin.elapsed().as_secs() >= 1, "{:?}", begin.elapsed());
    let text = stderr(&output);
    assert!(text.contains("Waiting for the Coordinator at 127.0.0.1:"), "{text}");
    assert!(text.contains("WARNING: the manifest names no workload owner"), "{text}");
}

#[test]
fn set_refuses_resources_that_do_not_fit_the_manifest_before_it_connects() {
    let dir = workspace();
    let pod = dir.path().join("pod.yaml");
    let text = fs::read_to_string(&pod).unwrap().replace("cGFzcw==", "ZmFpbA==");
    fs::write(&pod, text).unwrap();
    let output = contrast(dir.path(), &["set", "-c", &closed_port(), pod.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("(coordinator) is in the manifest, but no resource has it"), "{text}");
    assert!(text.contains("the policy of Pod/coordinator"), "{text}");
    assert!(text.contains("help: generate the policies again"), "{text}");
}

#[test]
fn a_workload_owner_key_that_is_named_must_exist() {
    let dir = workspace();
    let pod = dir.path().join("pod.yaml");
    let arguments = ["set", "-c", "c", "--workload-owner-key", "absent.pem", pod.to_str().unwrap()];
    let output = contrast(dir.path(), &arguments);
    assert!(stderr(&output).contains("cannot read absent.pem"), "{}", stderr(&output));
}

#[test]
fn an_empty_signature_is_refused_before_anything_is_sent() {
    let dir = workspace();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("signature"), "").unwrap();
    let output = contrast(dir.path(), &["set", "-c", "c", "-s", &path("signature"), &path("pod.yaml")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("signature is empty"), "{}", stderr(&output));
}

#[test]
fn recover_notices_a_foreign_key_before_it_connects() {
    let dir = workspace();
    let key = SeedShareOwnerKey::generate().unwrap();
    fs::write(dir.path().join("seedshare-owner.pem"), key.to_pem().unwrap().as_bytes()).unwrap();
    let salt = "A".repeat(43);
    fs::write(dir.path().join("seed-shares.json"), format!("{{\"SeedShares\": [], \"salt\": \"{salt}=\"}}"))
        .unwrap();
    let output = contrast(dir.path(), &["recover", "-c", &closed_port()]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("none of the 0 seed shares is for this key"), "{text}");
    assert!(text.contains("help: give --seedshare-owner-key"), "{text}");
}

#[test]
fn what_is_prepared_and_signed_elsewhere_is_what_sign_signs() {
    let dir = workspace();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let key = WorkloadOwnerKey::generate().unwrap();
    fs::write(path("workload-owner.pem"), key.to_pem().unwrap().as_bytes()).unwrap();
    let previous = "ab".repeat(32);
    let out = (path("text"), path("signature"));
    let arguments = ["sign", "--latest-transition", &previous, "--out"];
    assert!(contrast(dir.path(), &[&arguments[..], &[&out.0, "--prepare"]].concat()).status.success());
    assert!(contrast(dir.path(), &[&arguments[..], &[&out.1]].concat()).status.success());

    let document = ManifestDocument::parse(fs::read(path("manifest.json")).unwrap()).unwrap();
    let transition = transition_hash(document.digest(), [0xab; 32]);
    assert_eq!(fs::read_to_string(out.0).unwrap(), hex::encode(transition));
    let owners = WorkloadOwners::new(vec![key.owner()]);
    assert!(owners.signer(&transition, &fs::read(out.1).unwrap()).is_some());
}

#[test]
fn a_manifest_is_not_signed_without_a_key() {
    let dir = workspace();
    let out = dir.path().join("signature");
    let output = contrast(dir.path(), &["sign", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("help: give --workload-owner-key"), "{}", stderr(&output));
    assert!(!out.exists());
}

#[test]
fn the_simulator_prints_reference_values_and_keeps_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = dir.path().join("simulator");
    let arguments = ["simulator", "init", "--product", "Milan", "--dir", simulator.to_str().unwrap()];
    let output = contrast(dir.path(), &arguments);
    assert!(output.status.success(), "{output:?}");
    let values: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(values["Platform"], "Simulated");
    assert_eq!(values["ProductName"], "Milan");

    let again = contrast(dir.path(), &arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(again.stdout.is_empty());
    assert!(stderr(&again).contains("is not empty"), "{}", stderr(&again));
}

#[test]
fn printed_reference_values_fit_into_a_manifest() {
    let dir = workspace();
    let simulator = dir.path().join("simulator");
    let output = contrast(dir.path(), &["simulator", "init", "--dir", simulator.to_str().unwrap()]);
    let path = dir.path().join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["ReferenceValues"]["simulated"] =
        json!([serde_json::from_slice::<Value>(&output.stdout).unwrap()]);
    fs::write(&path, manifest.to_string()).unwrap();
    let output = contrast(dir.path(), &["verify", "-c", &closed_port()]);
    assert!(stderr(&output).contains("cannot connect"), "{}", stderr(&output));
}

#[test]
fn an_interrupted_command_ends_at_once_with_130() {
    let dir = workspace();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut child = command(dir.path(), &["verify", "-c", &address]).stderr(Stdio::piped()).spawn().unwrap();
    // Once it has connected, its handlers are in place.
    let _connection = silent.accept().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn core_dumps_are_off_while_the_program_runs() {
    let dir = workspace();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut child = command(dir.path(), &["verify", "-c", &address]).stderr(Stdio::null()).spawn().unwrap();
    let _connection = silent.accept().unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
}

#[test]
fn a_simulated_manifest_is_not_signed_in_silence() {
    let dir = workspace();
    let out = dir.path().join("text");
    let output = contrast(dir.path(), &["sign", "--prepare", "--out", out.to_str().unwrap()]);
    assert!(output.status.success());
    assert!(stderr(&output).contains("SIMULATED"), "{}", stderr(&output));
}

#[test]
fn something_that_is_no_history_is_refused_offline() {
    let dir = tempfile::tempdir().unwrap();
    let output = contrast(dir.path(), &["history", "--offline", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("help: give the folder that `contrast verify` wrote"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_schema_of_manifests_is_printed_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let output = contrast(dir.path(), &["manifest", "schema"]);
    assert!(output.status.success());
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, contrast_manifest::json_schema());
}
