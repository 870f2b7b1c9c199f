//! Our two sides with each other, and what they do with peers that say too little or nonsense.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use contrast_attestation::{
    AttestError, Attester, Evidence, EvidenceType, ReportData,
    atls::{Acceptor, ClientPolicy, HandshakeError, IssueError, NonceError, parse_peer_certificate},
    snp::document,
};
use rustls::{
    AlertDescription, HandshakeKind,
    version::{TLS12, TLS13},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use crate::parts::*;

#[tokio::test]
async fn mutual_attestation_gives_each_side_the_claims_of_the_other() {
    let (accepted, connected) =
        meet(&acceptor(), ClientPolicy::Appraise(verifiers()), &connector(Some(attester()), verifiers()))
            .await;
    assert_eq!(accepted.unwrap().peer.appraisal.unwrap().unwrap().host_data, HOST_DATA);
    assert_eq!(connected.unwrap().claims.unwrap().host_data, HOST_DATA);
}

#[tokio::test]
async fn both_sides_speak_http2_over_tls_1_3_and_hear_each_other() {
    let (accepted, connected) =
        meet(&acceptor(), ClientPolicy::Optional, &connector(None, verifiers())).await;
    let (mut server, mut client) = (accepted.unwrap().stream, connected.unwrap().stream);
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(client.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    client.write_all(b"ping").await.unwrap();
    client.flush().await.unwrap();
    let mut heard = [0; 4];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ping");
}

#[tokio::test]
async fn a_client_without_an_attester_presents_a_key_and_no_evidence() {
    let (accepted, _connected) =
        meet(&acceptor(), ClientPolicy::Optional, &connector(None, verifiers())).await;
    let peer = accepted.unwrap().peer;
    assert!(peer.certificate.unwrap().evidence().is_none());
    assert_eq!(peer.appraisal, None);
}

#[tokio::test]
async fn without_verifiers_any_server_is_accepted_and_nothing_is_claimed() {
    let (accepted, connected) =
        meet(&acceptor(), ClientPolicy::Appraise(verifiers()), &connector(Some(attester()), no_verifiers()))
            .await;
    assert_eq!(connected.unwrap().claims, None);
    assert!(accepted.unwrap().peer.appraisal.unwrap().is_ok());
}

#[tokio::test]
async fn without_verifiers_a_client_sees_what_the_server_presents_and_what_that_must_be_bound_to() {
    for verifiers in [no_verifiers(), verifiers()] {
        let (_accepted, connected) =
            meet(&acceptor(), ClientPolicy::Optional, &connector(None, verifiers)).await;
        let connected = connected.unwrap();
        let evidence = connected.certificate.evidence().unwrap();
        assert_eq!(evidence.evidence_type, EvidenceType::Simulated);
        let report = document::parse(&evidence.document).unwrap().report;
        assert_eq!(report.report_data, connected.report_data.0);
    }
}

#[tokio::test]
async fn a_server_makes_a_new_key_for_every_connection() {
    let acceptor = acceptor();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let stranger = Stranger::ordinary();
        let (accepted, _) = encounter(&acceptor, ClientPolicy::Optional, &stranger).await;
        accepted.unwrap();
        let der = stranger.seen.lock().unwrap().take().unwrap();
        keys.push(parse_peer_certificate(&der).unwrap().spki_der);
    }
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn sessions_are_never_resumed() {
    for version in [&TLS12, &TLS13] {
        let (acceptor, stranger) = (acceptor(), Stranger::new(ORDINARY, &[version], |_| None).that_resumes());
        for _ in 0..2 {
            let (accepted, stream) = encounter(&acceptor, ClientPolicy::Optional, &stranger).await;
            let (mut server, mut client) = (accepted.unwrap().stream, stream.unwrap());
            // Tickets come with the first data.
            server.write_all(b"x").await.unwrap();
            server.flush().await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
            assert_eq!(client.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(client.get_ref().1.tls13_tickets_received(), 0);
        }
    }
}

#[tokio::test]
async fn unknown_alpn_names_do_not_disturb() {
    let offered: &[&[u8]] = &[b"http/1.1", b"\xff\x00", ORDINARY[0], b"h3", b"h2"];
    let stranger = Stranger::new(offered, rustls::ALL_VERSIONS, |_| None);
    let (accepted, stream) = encounter(&acceptor(), ClientPolicy::Optional, &stranger).await;
    accepted.unwrap();
    assert_eq!(stream.unwrap().get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_of_the_nonce_is_told_by_an_alert() {
    let cases: [(&[&[u8]], NonceError); 4] = [
        (&[], NonceError::Missing),
        (&[b"h2"], NonceError::Missing),
        (&[b"atls:v9:nonce:00", b"h2"], NonceError::Version("atls:v9:nonce:00".into())),
        (&[b"atls:v1:nonce:zz", b"h2"], NonceError::NotHex("zz".into())),
    ];
    for (offered, expected) in cases {
        let stranger = Stranger::new(offered, rustls::ALL_VERSIONS, |_| None);
        let (accepted, stream) = encounter(&acceptor(), ClientPolicy::Optional, &stranger).await;
        let Err(HandshakeError::ClientNonce(error)) = accepted else { panic!("a nonce in {offered:?}") };
        assert_eq!(error, expected);
        let alert = stream.unwrap_err().downcast::<rustls::Error>().unwrap();
        assert_eq!(alert, rustls::Error::AlertReceived(AlertDescription::AccessDenied));
    }
}

#[tokio::test]
async fn a_client_that_does_not_offer_h2_is_refused() {
    let stranger = Stranger::new(&ORDINARY[..1], rustls::ALL_VERSIONS, |_| None);
    let (accepted, _) = encounter(&acceptor(), ClientPolicy::Optional, &stranger).await;
    assert!(matches!(accepted, Err(HandshakeError::Tls(rustls::Error::NoApplicationProtocol))));
}

#[tokio::test]
async fn silence_ends_at_the_timeout_on_either_side() {
    let short = Duration::from_millis(20);
    let (near, _silent) = duplex(64);
    let accepted = Acceptor::new(attester(), short).accept(near, ClientPolicy::Optional).await;
    assert!(matches!(accepted, Err(HandshakeError::TimedOut(after)) if after == short));

    let (near, _silent) = duplex(1 << 16);
    let connected = connector(None, verifiers()).with_timeout(short).connect(near).await;
    assert!(matches!(connected, Err(HandshakeError::TimedOut(after)) if after == short));
}

#[tokio::test]
async fn garbage_is_told_from_a_broken_connection() {
    for side in ["server", "client"] {
        let (near, mut far) = duplex(1 << 16);
        far.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(matches!(alone(side, near).await, HandshakeError::Tls(_)), "{side} and garbage");

        let (near, far) = duplex(1 << 16);
        drop(far);
        let error = alone(side, near).await;
        assert!(matches!(error, HandshakeError::Connection(_)), "{side} and nobody: {error}");
        assert!(error.is_transient());
    }
}

/// One of our sides, with nobody sensible at the other end.
async fn alone(side: &str, io: tokio::io::DuplexStream) -> HandshakeError {
    match side {
        "server" => acceptor().accept(io, ClientPolicy::Optional).await.err().unwrap(),
        _ => connector(None, verifiers()).connect(io).await.err().unwrap(),
    }
}

/// Blocks its thread until the test says `go`.
struct Waiting(Mutex<mpsc::Receiver<()>>);

impl Attester for Waiting {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Simulated
    }

    fn attest(&self, report_data: &ReportData) -> Result<Evidence, AttestError> {
        self.0.lock().unwrap().recv_timeout(PATIENCE).expect("the async thread was free to say go");
        attester().attest(report_data)
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_attester_that_blocks_does_not_hold_up_the_async_thread() {
    let waiting = || {
        let (go, wait) = mpsc::channel();
        (go, Arc::new(Waiting(Mutex::new(wait))) as Arc<dyn Attester>)
    };
    let ((go_server, server), (go_client, client)) = (waiting(), waiting());
    let (acceptor, connector) = (Acceptor::new(server, PATIENCE), connector(Some(client), verifiers()));
    let (met, ()) = tokio::join!(meet(&acceptor, ClientPolicy::Appraise(verifiers()), &connector), async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        go_server.send(()).unwrap();
        go_client.send(()).unwrap();
    });
    assert!(met.0.unwrap().peer.appraisal.unwrap().is_ok());
    assert!(met.1.is_ok());
}

/// A platform that gives no evidence.
struct Failing;

impl Attester for Failing {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Simulated
    }

    fn attest(&self, _report_data: &ReportData) -> Result<Evidence, AttestError> {
        Err(AttestError::NoHardware { looked_at: vec!["/dev/nowhere".into()] })
    }
}

#[tokio::test]
async fn a_platform_that_gives_no_evidence_ends_the_handshake_and_is_named() {
    let server = Acceptor::new(Arc::new(Failing), PATIENCE);
    let (accepted, connected) = meet(&server, ClientPolicy::Optional, &connector(None, verifiers())).await;
    assert!(accepted.err().unwrap().to_string().contains("/dev/nowhere"));
    assert!(matches!(connected, Err(HandshakeError::RefusedByPeer(AlertDescription::AccessDenied))));

    let client = connector(Some(Arc::new(Failing)), verifiers());
    let (accepted, connected) = meet(&acceptor(), ClientPolicy::Optional, &client).await;
    assert!(matches!(connected, Err(HandshakeError::Issue(IssueError::Attest(_)))));
    assert!(accepted.is_err());
}

#[tokio::test]
async fn a_dropped_attempt_lets_go_of_the_connection() {
    let (near, mut far) = duplex(1 << 16);
    // Its own timeout must not be what ends it.
    let connector = connector(None, verifiers()).with_timeout(PATIENCE * 100);
    let mut hello = [0; 5];
    tokio::select! {
        _ = connector.connect(near) => panic!("nobody answered"),
        read = far.read_exact(&mut hello) => { read.unwrap(); }
    }
    let rest = tokio::time::timeout(PATIENCE, far.read_to_end(&mut Vec::new())).await;
    rest.expect("the end of the connection").unwrap();
}
