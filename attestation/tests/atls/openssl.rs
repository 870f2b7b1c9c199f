//! `openssl` as an independent peer: it knows nothing of attestation, and sees what is on the wire.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::SystemTime,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contrast_attestation::{
    Evidence, EvidenceType, Refusal, ReportData,
    atls::{ClientPolicy, HandshakeError, HintError, Peer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_blocking,
};

use crate::parts::*;

const OFFER: &str = "atls:v1:nonce:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f,h2";

/// Runs `openssl` with `arguments`, feeds it `input`, and returns when it ends.
fn openssl(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// What `openssl s_client` prints about our server, which makes `connections` of them, and the last peer.
async fn observed(options: &'static [&'static str], connections: usize) -> (String, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let client = spawn_blocking(move || {
        let connect = ["s_client", "-connect", &address, "-alpn", OFFER, "-showcerts"];
        openssl(&[&connect[..], options].concat(), b"")
    });
    let acceptor = acceptor();
    let mut last = None;
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.unwrap();
        last = Some(acceptor.accept(stream, ClientPolicy::Optional).await.unwrap());
    }
    let peer = last.unwrap().peer;
    let output = client.await.unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), peer)
}

fn pem_in(text: &str) -> &str {
    let (start, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    &text[text.find(start).expect("a certificate")..text.find(end).unwrap() + end.len()]
}

#[tokio::test]
async fn openssl_sees_our_nonce_as_the_only_acceptable_authority() {
    for version in [&["-tls1_2"], &["-tls1_3"]] {
        let (text, peer) = observed(version, 1).await;
        let names = text.split("Acceptable client certificate CA names\n").nth(1).expect(&text);
        let mut lines = names.lines();
        // In quotes where the text has a plus sign.
        let nonce = lines.next().unwrap().strip_prefix("CN").expect(names).trim_start_matches([' ', '=']);
        assert_eq!(STANDARD.decode(nonce.trim_matches('"')).unwrap().len(), 32);
        assert!(lines.next().unwrap().contains(": "), "exactly one name in {names}");
        assert!(text.contains("ALPN protocol: h2"), "{text}");
        assert!(peer.certificate.is_none());
    }
}

#[tokio::test]
async fn openssl_sees_a_certificate_whose_evidence_is_bound_to_its_key_and_nonce() {
    let (text, _) = observed(&[], 1).await;
    let pem = pem_in(&text).as_bytes();
    let shown = openssl(&["x509", "-noout", "-text", "-nameopt", "RFC2253"], pem).stdout;
    let shown = String::from_utf8(shown).unwrap();
    for line in ["Version: 3 (0x2)", "Issuer: CN=Contrast", "Subject: CN=Contrast", "ASN1 OID: prime256v1"] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    assert_eq!(shown.matches("1.3.9901.2.100").count(), 1, "{shown}");
    assert!(!shown.contains("critical") && !shown.contains("X509v3 Key Usage"), "{shown}");

    let public = openssl(&["x509", "-noout", "-pubkey"], pem).stdout;
    let spki = openssl(&["pkey", "-pubin", "-outform", "DER"], &public).stdout;
    let der = openssl(&["x509", "-outform", "DER"], pem).stdout;
    let nonce: Vec<u8> = (0..32).collect();
    let evidence = extension_value(&der);
    let evidence = Evidence { evidence_type: EvidenceType::Simulated, document: evidence };
    let report_data = ReportData::for_tls_key(&spki, &nonce);
    verifiers()[0].appraise(&evidence, &report_data, SystemTime::now()).unwrap();
}

/// The value of our extension, found by its object identifier: OCTET STRING, and what is in it.
fn extension_value(der: &[u8]) -> Vec<u8> {
    let oid = [0x06, 0x05, 0x2b, 0xcd, 0x2d, 0x02, 0x64];
    let at = der.windows(oid.len()).position(|window| window == oid).expect("our extension") + oid.len();
    let header = &der[at..];
    assert_eq!(header[0], 0x04);
    let (length, start) = match header[1] {
        short @ ..=0x7f => (usize::from(short), 2),
        0x81 => (usize::from(header[2]), 3),
        0x82 => (usize::from(u16::from_be_bytes([header[2], header[3]])), 4),
        other => panic!("a length of {other:#x}"),
    };
    header[start..start + length].to_vec()
}

#[tokio::test]
async fn openssl_verifies_the_signature_that_our_certificate_has_of_itself() {
    let (text, _) = observed(&[], 1).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("server.pem");
    std::fs::write(&file, pem_in(&text)).unwrap();
    let file = file.to_str().unwrap();
    let verdict = openssl(&["verify", "-check_ss_sig", "-partial_chain", "-trusted", file, file], b"");
    assert!(verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stderr));
}

#[tokio::test]
async fn openssl_cannot_resume_a_session() {
    // One connection, and five attempts to resume it.
    let (text, _) = observed(&["-tls1_2", "-reconnect"], 6).await;
    assert_eq!(text.matches("\nNew, TLSv1.2").count(), 6, "{text}");
    assert_eq!(text.matches("\nReused").count(), 0, "{text}");
}

/// `openssl s_server` with a self-signed certificate of the given common name, until dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(directory: &Path, common_name: &str, options: &[&str]) -> Self {
        let (key, certificate) = (directory.join("key.pem"), directory.join("certificate.pem"));
        let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
        let subject = format!("/CN={common_name}");
        let made = openssl(
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                &subject,
                "-keyout",
                key,
                "-out",
                certificate,
            ],
            b"",
        );
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-alpn", "h2", "-key", key, "-cert", certificate])
            .args(options.iter().map(|option| if *option == "OWN" { certificate } else { option }))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address =
            lines.map(Result::unwrap).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
        Self { child, address: address.expect("a listening s_server") }
    }

    /// What our client makes of it.
    async fn meet(&self, verifiers: Verifiers) -> Result<(), HandshakeError> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        connector(Some(attester()), verifiers).connect(stream).await.map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_server_of_openssl_is_refused_for_lack_of_evidence() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), "server", &[]);
    let error = server.meet(verifiers()).await.unwrap_err();
    assert!(matches!(error, HandshakeError::Refused(Refusal::NoEvidence)), "{error}");
}

#[tokio::test]
async fn a_server_of_openssl_that_names_no_nonce_is_refused_even_if_it_need_not_be_attested() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), "server", &["-Verify", "1"]);
    let error = server.meet(no_verifiers()).await.unwrap_err();
    assert!(matches!(error, HandshakeError::ServerNonce(HintError::Count(0))), "{error}");
}

#[tokio::test]
async fn a_server_of_openssl_that_names_a_nonce_is_answered() {
    // Openssl writes the common name as a UTF8String.
    let nonce = STANDARD.encode([0xaa; 32]);
    for version in ["-tls1_2", "-tls1_3"] {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(directory.path(), &nonce, &["-Verify", "1", "-CAfile", "OWN", version]);
        server.meet(no_verifiers()).await.unwrap();
    }
}
