//! Clients that present evidence which is not theirs, not of now, or not evidence. Each is let in, so that
//! it can be told why it is refused, and its verdict says why.

use std::sync::{Arc, Mutex};

use contrast_attestation::{
    EvidenceType, Refusal,
    atls::{CertificateFault, ClientPolicy, HandshakeError, Peer},
};
use rcgen::KeyPair;
use rustls::{
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use crate::parts::*;

const OID: &[u64] = &[1, 3, 9901, 2, 100];

/// What an appraising server makes of a client that answers like this.
async fn judged(
    answer: impl Fn(&[u8]) -> Arc<CertifiedKey> + Clone + Send + Sync + 'static,
) -> Result<Peer, HandshakeError> {
    let with = async |version| {
        let answer = answer.clone();
        let stranger = Stranger::new(ORDINARY, &[version], move |hints| Some(answer(&nonce_of(hints))));
        let (accepted, _stream) =
            encounter(&acceptor(), ClientPolicy::Appraise(verifiers()), &stranger).await;
        accepted.map(|accepted| accepted.peer)
    };
    let (old, new) = (with(&TLS12).await, with(&TLS13).await);
    assert_eq!(old.is_ok(), new.is_ok(), "both versions of TLS agree");
    if let (Ok(old), Ok(new)) = (&old, &new) {
        assert_eq!(old.appraisal.as_ref().map(Result::is_ok), new.appraisal.as_ref().map(Result::is_ok));
    }
    new
}

async fn refused(answer: impl Fn(&[u8]) -> Arc<CertifiedKey> + Clone + Send + Sync + 'static) -> Refusal {
    judged(answer).await.unwrap().appraisal.unwrap().unwrap_err()
}

#[tokio::test]
async fn genuine_evidence_of_a_stranger_is_accepted() {
    let key = Arc::new(KeyPair::generate().unwrap());
    let peer = judged(move |nonce| certified(&key, &[(OID, &evidence_for(&key, nonce).document)])).await;
    assert!(peer.unwrap().appraisal.unwrap().is_ok());
}

#[tokio::test]
async fn no_evidence_is_refused() {
    let key = Arc::new(KeyPair::generate().unwrap());
    assert_eq!(refused(move |_| certified(&key, &[])).await, Refusal::NoEvidence);
}

#[tokio::test]
async fn evidence_for_another_nonce_is_refused() {
    let key = Arc::new(KeyPair::generate().unwrap());
    let refusal = refused(move |nonce| {
        let mut wrong = nonce.to_vec();
        wrong[31] ^= 1;
        certified(&key, &[(OID, &evidence_for(&key, &wrong).document)])
    });
    assert_wrong_report_data(&refusal.await);
}

#[tokio::test]
async fn evidence_for_a_shorter_nonce_is_refused() {
    for cut in [0, 1, 16, 31] {
        let key = Arc::new(KeyPair::generate().unwrap());
        let refusal =
            refused(move |nonce| certified(&key, &[(OID, &evidence_for(&key, &nonce[..cut]).document)]));
        assert_wrong_report_data(&refusal.await);
    }
}

#[tokio::test]
async fn evidence_for_a_longer_nonce_is_refused() {
    for added in [1, 32, 88, 1000] {
        let key = Arc::new(KeyPair::generate().unwrap());
        let refusal = refused(move |nonce| {
            let longer: Vec<u8> = nonce.iter().copied().cycle().take(nonce.len() + added).collect();
            certified(&key, &[(OID, &evidence_for(&key, &longer).document)])
        });
        assert_wrong_report_data(&refusal.await);
    }
}

#[tokio::test]
async fn evidence_for_the_nonce_of_the_client_is_refused() {
    let key = Arc::new(KeyPair::generate().unwrap());
    let refusal = refused(move |_| certified(&key, &[(OID, &evidence_for(&key, &[0xaa; 32]).document)]));
    assert_wrong_report_data(&refusal.await);
}

#[tokio::test]
async fn a_certificate_from_an_earlier_connection_is_refused() {
    let key = Arc::new(KeyPair::generate().unwrap());
    let first = Arc::new(Mutex::new(None));
    let answer = move |nonce: &[u8]| {
        let mut first = first.lock().unwrap();
        let certificate =
            first.get_or_insert_with(|| certified(&key, &[(OID, &evidence_for(&key, nonce).document)]));
        Arc::clone(certificate)
    };
    let stranger = Stranger::new(ORDINARY, rustls::ALL_VERSIONS, {
        let answer = answer.clone();
        move |hints| Some(answer(&nonce_of(hints)))
    });
    let policy = || ClientPolicy::Appraise(verifiers());
    let (accepted, _stream) = encounter(&acceptor(), policy(), &stranger).await;
    assert!(accepted.unwrap().peer.appraisal.unwrap().is_ok(), "the first time it is good");
    assert_wrong_report_data(&refused(answer).await);
}

#[tokio::test]
async fn evidence_for_another_key_is_refused() {
    let (attested, presented) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let keys = Arc::new((attested, presented));
    let refusal = refused(move |nonce| certified(&keys.1, &[(OID, &evidence_for(&keys.0, nonce).document)]));
    assert_wrong_report_data(&refusal.await);
}

/// A client whose extension holds this.
async fn refused_document(document: &'static [u8]) -> Refusal {
    let key = Arc::new(KeyPair::generate().unwrap());
    refused(move |_| certified(&key, &[(OID, document)])).await
}

#[tokio::test]
async fn an_empty_attestation_extension_is_refused() {
    assert_unreadable(&refused_document(b"").await, "document has no report");
}

#[tokio::test]
async fn a_garbage_attestation_extension_is_refused() {
    assert_unreadable(&refused_document(b"garbage").await, "invalid wire type value: 7");
    assert_unreadable(&refused_document(&[0xFF; 5000]).await, "invalid varint");
    assert_unreadable(&refused_document(&[0; 1184]).await, "invalid tag value: 0");
}

#[tokio::test]
async fn evidence_under_the_name_of_another_platform_is_refused() {
    let key = Arc::new(KeyPair::generate().unwrap());
    let refusal = refused(move |nonce| {
        certified(&key, &[(EvidenceType::Snp.oid(), &evidence_for(&key, nonce).document)])
    });
    let expected =
        Refusal::NoVerifier { sent: vec![EvidenceType::Snp], accepted: vec![EvidenceType::Simulated] };
    assert_eq!(refusal.await, expected);
}

#[tokio::test]
async fn two_pieces_of_evidence_end_the_handshake() {
    let key = Arc::new(KeyPair::generate().unwrap());
    let outcome = judged(move |nonce| {
        let document = evidence_for(&key, nonce).document;
        certified(&key, &[(OID, &document), (EvidenceType::Tdx.oid(), &document)])
    });
    let error = outcome.await.unwrap_err();
    assert!(matches!(error, HandshakeError::Certificate(CertificateFault::EvidenceCount(2))), "{error}");
}

#[tokio::test]
async fn two_pieces_of_evidence_of_one_type_end_the_handshake() {
    let key = Arc::new(KeyPair::generate().unwrap());
    let outcome = judged(move |nonce| {
        let document = evidence_for(&key, nonce).document;
        certified(&key, &[(OID, &document), (OID, &document)])
    });
    assert_twice(&outcome.await.unwrap_err());
}
