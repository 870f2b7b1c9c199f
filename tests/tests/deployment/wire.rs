//! What others see of a Coordinator: certificates, signatures, probes and metrics, judged by other programs.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use contrast_attestation::atls::Identity;
use contrast_proto::userapi::{GetHistoryRequest, history_item::Item};
use contrast_tests::{Client, Deployment};

fn openssl(directory: &Path, args: &[&str]) -> String {
    let output =
        Command::new("openssl").current_dir(directory).args(args).stdin(Stdio::null()).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {args:?}: {said}");
    said
}

#[test]
fn openssl_accepts_the_certificates_on_both_paths() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let pod = deployment.pod(&coordinator, "web");
    let files = pod.tls_dir.clone();
    pod.finish();
    for purpose in ["sslclient", "sslserver"] {
        let strict = ["verify", "-x509_strict", "-purpose", purpose, "-no-CApath", "-no-CAstore", "-CAfile"];
        openssl(&files, &[&strict[..], &["mesh-ca.pem", "certChain.pem"]].concat());
        openssl(
            &files,
            &[&strict[..], &["coordinator-root-ca.pem", "-untrusted", "certChain.pem", "certChain.pem"]]
                .concat(),
        );
    }
    let leaf = openssl(&files, &["x509", "-in", "certChain.pem", "-noout", "-text"]);
    for part in [
        "Issuer: CN = system:coordinator:intermediate",
        "Subject: CN = web",
        "DNS:web, DNS:*",
        "TLS Web Client Authentication, TLS Web Server Authentication",
        "CA:FALSE",
        "1.3.9901.2.100.23:",
        "1.3.9901.3.1:",
        "id-ecPublicKey",
        "prime256v1",
        "ecdsa-with-SHA384",
    ] {
        assert!(leaf.contains(part), "{part} is not in\n{leaf}");
    }
    let root = openssl(&files, &["x509", "-in", "coordinator-root-ca.pem", "-noout", "-text"]);
    for part in ["system:coordinator:root", "secp384r1", "CA:TRUE", "Digital Signature, Certificate Sign"] {
        assert!(root.contains(part), "{part} is not in\n{root}");
    }
}

#[test]
fn openssl_verifies_the_signature_of_a_transition() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let mut client = Client::connect(coordinator.user_api, Identity::Fresh);
    let latest = client.manifests().unwrap().latest_transition.unwrap();
    let items = client.history(GetHistoryRequest::default()).unwrap();
    let Some(Item::Anchors(anchors)) = &items[0].item else { panic!("anchors come first") };
    let directory = deployment.workspace.join("openssl");
    fs::create_dir(&directory).unwrap();
    for (name, bytes) in [
        ("root.pem", &anchors.root_ca),
        ("signer.pem", &anchors.transition_signer),
        ("hash", &latest.transition_hash),
        ("signature", &latest.signature),
    ] {
        fs::write(directory.join(name), bytes).unwrap();
    }
    openssl(&directory, &["verify", "-no-CApath", "-no-CAstore", "-CAfile", "root.pem", "signer.pem"]);
    let verify =
        ["pkeyutl", "-verify", "-certin", "-inkey", "signer.pem", "-sigfile", "signature", "-in", "hash"];
    assert!(openssl(&directory, &verify).contains("Verified Successfully"));
}

#[test]
fn the_server_asks_for_a_certificate_with_its_nonce_as_the_only_ca() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let alpn = format!("atls:v1:nonce:{},h2", "ab".repeat(32));
    for api in [coordinator.user_api, coordinator.mesh_api] {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &api.to_string(), "-alpn", &alpn])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("ALPN protocol: h2"), "{said}");
        let (_, hints) = said.split_once("Acceptable client certificate CA names\n").unwrap();
        let (name, _) = hints.split_once('\n').unwrap();
        let nonce = name.trim().trim_start_matches("CN").trim_start_matches([' ', '=']).trim_matches('"');
        assert_eq!(BASE64_STANDARD.decode(nonce).unwrap().len(), 32, "{name}");
    }
}

#[test]
fn a_history_is_streamed_with_each_content_once_and_before_it_is_referred_to() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let mut bytes = fs::read(deployment.manifest_path()).unwrap();
    bytes.push(b'\n');
    fs::write(deployment.manifest_path(), bytes).unwrap();
    deployment.contrast(&coordinator, "set", &[]).success();
    let mut client = Client::connect(coordinator.user_api, Identity::Fresh);
    let kinds = |items: Vec<contrast_proto::userapi::HistoryItem>| -> String {
        let kind = |item: contrast_proto::userapi::HistoryItem| match item.item.unwrap() {
            Item::Anchors(_) => 'a',
            Item::Content(_) => 'c',
            Item::Record(_) => 'r',
        };
        items.into_iter().map(kind).collect()
    };
    assert_eq!(kinds(client.history(GetHistoryRequest::default()).unwrap()), "acccrrcrr");
    let events_only = GetHistoryRequest { events_only: true, ..Default::default() };
    assert_eq!(kinds(client.history(events_only).unwrap()), "arrrr");
    let tail = GetHistoryRequest { from_position: 3, ..Default::default() };
    assert_eq!(kinds(client.history(tail).unwrap()), "ar");
    let beyond = GetHistoryRequest { from_position: u64::MAX, ..Default::default() };
    assert_eq!(kinds(client.history(beyond).unwrap()), "a");
}

#[test]
fn probes_and_metrics_follow_the_life_of_the_coordinator() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let probes = |ops: contrast_tests::Ops| {
        ["startup", "liveness", "readiness"].map(|probe| ops.get(&format!("/probe/{probe}")).0)
    };
    assert_eq!(probes(coordinator.ops), [200, 200, 503]);
    let generation = |ops: contrast_tests::Ops| {
        let (status, text) = ops.get("/metrics");
        assert_eq!(status, 200);
        let line = text.lines().find(|line| line.starts_with("contrast_coordinator_manifest_generation "));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(generation(coordinator.ops), "0");
    deployment.contrast(&coordinator, "set", &[]).success();
    assert_eq!(probes(coordinator.ops), [200, 200, 200]);
    assert_eq!(generation(coordinator.ops), "1");
    let mesh_ca = fs::read_to_string(deployment.workspace.join("mesh-ca.pem")).unwrap();
    assert_eq!(coordinator.ops.get("/mesh-ca.pem"), (200, mesh_ca.clone()));
    let (_, text) = coordinator.ops.get("/metrics");
    for name in
        ["started_total", "handled_total", "msg_received_total", "msg_sent_total", "handling_seconds_bucket"]
    {
        assert!(text.contains(&format!("contrast_grpc_server_{name}{{")), "{name} is not in\n{text}");
    }
    coordinator.kill();
    let coordinator = deployment.start();
    assert_eq!(probes(coordinator.ops), [200, 200, 503]);
    assert!(coordinator.ops.get("/probe/readiness").1.contains("contrast recover"));
    assert_eq!(coordinator.ops.get("/mesh-ca.pem").0, 503);
    deployment.contrast(&coordinator, "recover", &[]).success();
    let (status, recovered) = coordinator.ops.get("/mesh-ca.pem");
    assert!(status == 200 && recovered != mesh_ca, "a recovery makes a new mesh CA");
    assert_eq!(probes(coordinator.ops), [200, 200, 200]);
    assert_eq!(generation(coordinator.ops), "1");
}

#[test]
fn auto_never_falls_back_to_simulation() {
    let deployment = Deployment::new();
    let mut command = deployment.coordinator_command();
    command.args(["--attester", "auto"]);
    let (status, said) = contrast_tests::Coordinator::refuses_to_start(command);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("/sys/kernel/config/tsm"), "it says where it looked: {said}");
}

#[test]
fn wrong_usage_ends_with_2() {
    let deployment = Deployment::new();
    let mut command = deployment.coordinator_command();
    command.arg("--no-such-option");
    let (status, _) = contrast_tests::Coordinator::refuses_to_start(command);
    assert_eq!(status.code(), Some(2));
    let answer = contrast_tests::Answer::of(contrast_tests::Answer::command(&deployment.workspace, ["set"]));
    assert_eq!(answer.code, 2, "{answer:?}");
}
