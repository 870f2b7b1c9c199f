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

/// The only finding is that the report data is another.
fn assert_wrong_report_data(refusal: &Refusal) {
    let Refusal::Rejected(rejections) = refusal else { panic!("{refusal:?}") };
    let [rejection] = rejections.as_slice() else { panic!("{refusal:?}") };
    let [finding] = rejection.findings.as_slice() else { panic!("{refusal:?}") };
    assert_eq!(finding.field, "report field REPORT_DATA");
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
async fn evidence_for_a_nonce_of_another_length_is_refused() {
    for cut in [0, 31] {
        let key = Arc::new(KeyPair::generate().unwrap());
        let refusal =
            refused(move |nonce| certified(&key, &[(OID, &evidence_for(&key, &nonce[..cut]).document)]));
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

#[tokio::test]
async fn empty_and_garbage_evidence_is_refused() {
    for document in [&b""[..], b"garbage", &[0xff; 5000]] {
        let key = Arc::new(KeyPair::generate().unwrap());
        let refusal = refused(move |_| certified(&key, &[(OID, document)])).await;
        assert!(matches!(refusal, Refusal::Rejected(_)), "{refusal:?}");
    }
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
