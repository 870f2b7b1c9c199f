//! Servers that break the rules one at a time, and what our client makes of them.

use std::{
    io,
    sync::{Arc, Mutex},
};

use contrast_attestation::{
    EvidenceType, Refusal,
    atls::{CertificateFault, Connected, Connector, HandshakeError, HintError},
};
use rcgen::KeyPair;
use rustls::{
    AlertDescription, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::{
        ClientHello, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio::io::{DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::parts::*;

const OID: &[u64] = &[1, 3, 9901, 2, 100];

/// The certificate for the nonce of a client.
type Script = dyn Fn(&[u8]) -> Arc<CertifiedKey> + Send + Sync;

/// A server that says what it is told to, and believes everything.
#[derive(Clone)]
pub(crate) struct Server {
    certificate: Arc<Script>,
    /// Contents of the sequences in the acceptable-CA list; `None`: asks for no certificate.
    hints: Option<Vec<Vec<u8>>>,
    alpn: Vec<Vec<u8>>,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl Server {
    /// A server that keeps all rules.
    pub(crate) fn honest() -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: Arc::new(move |nonce| {
                certified(&key, &[(OID, &evidence_for(&key, nonce).document)])
            }),
            hints: Some(vec![common_name(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]),
            alpn: vec![b"h2".to_vec()],
            versions: vec![&TLS12, &TLS13],
        }
    }

    /// One that names these as the authorities whose certificates it accepts.
    pub(crate) fn with_hints(self, hints: Vec<Vec<u8>>) -> Self {
        Self { hints: Some(hints), ..self }
    }

    fn with_certificate(
        self,
        certificate: impl Fn(&[u8]) -> Arc<CertifiedKey> + Send + Sync + 'static,
    ) -> Self {
        Self { certificate: Arc::new(certificate), ..self }
    }

    /// Lets our client meet this server.
    async fn meet(
        &self,
        verifiers: Verifiers,
        attested: bool,
    ) -> Result<Connected<DuplexStream>, HandshakeError> {
        self.meet_client(&connector(attested.then(attester), verifiers)).await.1
    }

    /// What the server hears of a client, and the client of the server.
    pub(crate) async fn meet_client(
        &self,
        client: &Connector,
    ) -> (io::Result<TlsStream<DuplexStream>>, Result<Connected<DuplexStream>, HandshakeError>) {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(&self.versions).unwrap();
        let builder = match &self.hints {
            Some(hints) => {
                let names = hints.iter().map(|name| DistinguishedName::in_sequence(name)).collect();
                builder.with_client_cert_verifier(Arc::new(Believing(names)))
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Scripted(Arc::clone(&self.certificate))));
        config.alpn_protocols.clone_from(&self.alpn);
        let (near, far) = duplex(1 << 16);
        tokio::join!(TlsAcceptor::from(Arc::new(config)).accept(near), client.connect(far))
    }

    async fn refusal(&self) -> Refusal {
        let mut refusals = Vec::new();
        for version in [&TLS12, &TLS13] {
            let server = Self { versions: vec![version], ..self.clone() };
            match server.meet(verifiers(), false).await {
                Err(HandshakeError::Refused(refusal)) => refusals.push(refusal),
                Err(error) => panic!("{error}"),
                Ok(_) => panic!("accepted"),
            }
        }
        assert_eq!(std::mem::discriminant(&refusals[0]), std::mem::discriminant(&refusals[1]));
        refusals.remove(0)
    }
}

/// SET { SEQUENCE { commonName, PrintableString } }
pub(crate) fn common_name(text: &[u8]) -> Vec<u8> {
    let element = |tag, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        let header = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [&header, content].concat()
    };
    let text = element(0x13, text);
    element(0x31, &element(0x30, &[&[0x06, 0x03, 0x55, 0x04, 0x03], &text[..]].concat()))
}

#[tokio::test]
async fn an_honest_server_is_accepted_in_both_versions_of_tls() {
    for version in [&TLS12, &TLS13] {
        for attested in [true, false] {
            let server = Server { versions: vec![version], ..Server::honest() };
            let connected = server.meet(verifiers(), attested).await.unwrap();
            assert_eq!(connected.claims.unwrap().host_data, HOST_DATA);
        }
    }
}

#[tokio::test]
async fn a_server_that_asks_for_no_certificate_is_accepted() {
    let server = Server { hints: None, ..Server::honest() };
    assert!(server.meet(verifiers(), true).await.unwrap().claims.is_some());
}

#[tokio::test]
async fn a_server_without_evidence_is_refused() {
    let key = KeyPair::generate().unwrap();
    let server = Server::honest().with_certificate(move |_| certified(&key, &[]));
    assert_eq!(server.refusal().await, Refusal::NoEvidence);
}

#[tokio::test]
async fn evidence_for_another_nonce_or_key_is_refused() {
    let key = KeyPair::generate().unwrap();
    let stale = Server::honest()
        .with_certificate(move |_| certified(&key, &[(OID, &evidence_for(&key, &[0; 32]).document)]));
    let (attested, presented) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let foreign = Server::honest().with_certificate(move |nonce| {
        certified(&presented, &[(OID, &evidence_for(&attested, nonce).document)])
    });
    for server in [stale, foreign] {
        assert_wrong_report_data(&server.refusal().await);
    }
}

#[tokio::test]
async fn evidence_for_a_nonce_of_another_length_is_refused() {
    for length in [0, 1, 31, 33, 64, 120] {
        let key = KeyPair::generate().unwrap();
        let server = Server::honest().with_certificate(move |nonce| {
            let other: Vec<u8> = nonce.iter().copied().cycle().take(length).collect();
            certified(&key, &[(OID, &evidence_for(&key, &other).document)])
        });
        assert_wrong_report_data(&server.refusal().await);
    }
}

#[tokio::test]
async fn an_empty_or_garbage_attestation_extension_is_refused() {
    for (document, reason) in [
        (&b""[..], "document has no report"),
        (b"garbage", "invalid wire type value: 7"),
        (&[0xFF; 5000], "invalid varint"),
    ] {
        let key = KeyPair::generate().unwrap();
        let server = Server::honest().with_certificate(move |_| certified(&key, &[(OID, document)]));
        assert_unreadable(&server.refusal().await, reason);
    }
}

#[tokio::test]
async fn a_certificate_from_an_earlier_connection_is_refused() {
    let key = KeyPair::generate().unwrap();
    let first = Mutex::new(None);
    let server = Server::honest().with_certificate(move |nonce| {
        let mut first = first.lock().unwrap();
        Arc::clone(
            first.get_or_insert_with(|| certified(&key, &[(OID, &evidence_for(&key, nonce).document)])),
        )
    });
    assert!(server.meet(verifiers(), false).await.is_ok(), "the first time it is good");
    assert_wrong_report_data(&server.refusal().await);
}

#[tokio::test]
async fn evidence_of_a_platform_without_verifier_is_refused() {
    let key = KeyPair::generate().unwrap();
    let server = Server::honest().with_certificate(move |nonce| {
        certified(&key, &[(EvidenceType::Tdx.oid(), &evidence_for(&key, nonce).document)])
    });
    let expected =
        Refusal::NoVerifier { sent: vec![EvidenceType::Tdx], accepted: vec![EvidenceType::Simulated] };
    assert_eq!(server.refusal().await, expected);
}

#[tokio::test]
async fn two_pieces_of_evidence_are_refused() {
    let key = KeyPair::generate().unwrap();
    let server = Server::honest().with_certificate(move |nonce| {
        let document = evidence_for(&key, nonce).document;
        certified(&key, &[(OID, &document), (EvidenceType::Snp.oid(), &document)])
    });
    let error = server.meet(verifiers(), false).await.err().unwrap();
    assert!(matches!(error, HandshakeError::Certificate(CertificateFault::EvidenceCount(2))), "{error}");
}

#[tokio::test]
async fn two_pieces_of_evidence_of_one_type_are_refused() {
    let key = KeyPair::generate().unwrap();
    let server = Server::honest().with_certificate(move |nonce| {
        let document = evidence_for(&key, nonce).document;
        certified(&key, &[(OID, &document), (OID, &document)])
    });
    assert_twice(&server.meet(verifiers(), false).await.err().unwrap());
}

#[tokio::test]
async fn a_server_without_the_key_of_its_certificate_is_refused() {
    let keys = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let server = Server::honest().with_certificate(move |nonce| {
        let stolen = certified(&keys.0, &[(OID, &evidence_for(&keys.0, nonce).document)]);
        Arc::new(CertifiedKey::new(stolen.cert.clone(), Arc::clone(&certified(&keys.1, &[]).key)))
    });
    let error = server.meet(verifiers(), false).await.err().unwrap();
    assert!(matches!(error, HandshakeError::Tls(Error::InvalidCertificate(_))), "{error}");
}

#[tokio::test]
async fn a_list_of_authorities_without_exactly_one_nonce_ends_the_handshake() {
    let good = common_name(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let cases = [
        (vec![], HintError::Count(0)),
        (vec![good.clone(), good], HintError::Count(2)),
        (vec![common_name(b"not base64")], HintError::NotBase64),
        (vec![vec![0x31, 0x05]], HintError::NotAName),
        (vec![vec![]], HintError::NoCommonName),
    ];
    for (hints, expected) in cases {
        for version in [&TLS12, &TLS13] {
            for (attested, verifiers) in [(true, verifiers()), (false, verifiers()), (false, no_verifiers())]
            {
                let server =
                    Server { hints: Some(hints.clone()), versions: vec![version], ..Server::honest() };
                let error = server.meet(verifiers, attested).await.err().expect("the rule is broken");
                let HandshakeError::ServerNonce(error) = error else { panic!("{error}") };
                assert_eq!(error, expected);
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_select_http2_is_no_coordinator() {
    let server = Server { alpn: vec![], ..Server::honest() };
    let error = server.meet(verifiers(), false).await.err().unwrap();
    assert!(matches!(error, HandshakeError::NoHttp2), "{error}");
}

#[tokio::test]
async fn the_alert_of_a_server_is_told_as_its_refusal() {
    let server = Server { alpn: vec![b"http/1.1".to_vec()], ..Server::honest() };
    let error = server.meet(verifiers(), false).await.err().unwrap();
    let expected = AlertDescription::NoApplicationProtocol;
    assert!(matches!(error, HandshakeError::RefusedByPeer(alert) if alert == expected), "{error}");
    assert!(!error.is_transient());
}

struct Scripted(Arc<Script>);

impl ResolvesServerCert for Scripted {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let nonce = hello.alpn()?.find_map(|name| name.strip_prefix(b"atls:v1:nonce:"))?;
        Some((self.0)(&hex::decode(nonce).unwrap()))
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

#[derive(Debug)]
struct Believing(Vec<DistinguishedName>);

impl ClientCertVerifier for Believing {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.0
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
