//! Nonces of any length that the other side chooses: evidence is bound to all of them, and to nothing else.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contrast_attestation::{
    ReportData,
    atls::{ClientPolicy, parse_peer_certificate},
    snp::document,
};

use crate::{
    hostile_servers::{Server, common_name},
    parts::*,
};

const LENGTHS: [usize; 6] = [0, 1, 31, 33, 64, 120];

fn nonce(length: usize) -> Vec<u8> {
    (0..length).map(|position| position as u8 ^ 0x5A).collect()
}

#[tokio::test]
async fn the_evidence_of_a_server_is_bound_to_all_of_a_nonce_of_any_length() {
    for length in LENGTHS {
        let nonce = nonce(length);
        let name = [b"atls:v1:nonce:", hex::encode(&nonce).as_bytes()].concat();
        let stranger = Stranger::new(&[&name, b"h2"], rustls::ALL_VERSIONS, |_| None);
        let (accepted, _stream) = encounter(&acceptor(), ClientPolicy::Optional, &stranger).await;
        accepted.unwrap();
        let (bound, key) = bound(&stranger.seen.lock().unwrap().take().unwrap());
        assert_bound(bound, &key, &nonce);
    }
}

#[tokio::test]
async fn the_evidence_of_a_client_is_bound_to_all_of_a_nonce_of_any_length() {
    for length in LENGTHS {
        let nonce = nonce(length);
        let name = common_name(STANDARD.encode(&nonce).as_bytes());
        let server = Server::honest().with_hints(vec![name]);
        let (heard, connected) = server.meet_client(&connector(Some(attester()), verifiers())).await;
        assert!(connected.unwrap().claims.is_some());
        let stream = heard.unwrap();
        let (bound, key) = bound(&stream.get_ref().1.peer_certificates().unwrap()[0]);
        assert_bound(bound, &key, &nonce);
    }
}

/// What the evidence in a certificate is bound to, and the key of the certificate.
fn bound(der: &[u8]) -> (ReportData, Arc<[u8]>) {
    let certificate = parse_peer_certificate(der).unwrap();
    let report = document::parse(&certificate.evidence().unwrap().document).unwrap().report;
    (ReportData(report.report_data), certificate.spki_der)
}

/// Neither to the part of a nonce that is as long as most nonces, nor to one filled up to that length.
#[track_caller]
fn assert_bound(bound: ReportData, key: &[u8], nonce: &[u8]) {
    assert_eq!(bound, ReportData::for_tls_key(key, nonce), "{} bytes", nonce.len());
    let usual: Vec<u8> = nonce.iter().copied().chain(std::iter::repeat(0)).take(32).collect();
    assert_ne!(bound, ReportData::for_tls_key(key, &usual), "{} bytes", nonce.len());
}
