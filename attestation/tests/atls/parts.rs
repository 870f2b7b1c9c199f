//! What the tests are made of: a processor, our two sides, and a stranger that does as it is told.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contrast_attestation::{
    Attester, Evidence, Finding, Refusal, ReportData, Verifier,
    atls::{
        Accepted, Acceptor, CertificateFault, ClientPolicy, Connected, Connector, HandshakeError, Identity,
    },
    simulated::{Hierarchy, Processor},
    snp::{Product, SnpVerifier},
};
use rcgen::{CertificateParams, CustomExtension, KeyPair, PublicKeyData as _};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Long enough for a busy machine, short enough for a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Verifiers = Arc<[Box<dyn Verifier>]>;

/// What the guest on our processor was launched with.
pub(crate) const HOST_DATA: [u8; 32] = [7; 32];

/// The processor that everybody in these tests runs on.
fn processor() -> &'static Processor {
    static PROCESSOR: LazyLock<Processor> =
        LazyLock::new(|| Processor::new(&Hierarchy::generate(Product::Genoa).unwrap()).unwrap());
    &PROCESSOR
}

pub(crate) fn attester() -> Arc<dyn Attester> {
    Arc::new(processor().attester(HOST_DATA))
}

/// Accepts the guest on our processor.
pub(crate) fn verifiers() -> Verifiers {
    verifiers_of(HOST_DATA)
}

/// Accepts a guest that nobody has.
#[cfg(feature = "grpc")]
pub(crate) fn verifiers_of_another_guest() -> Verifiers {
    verifiers_of([8; 32])
}

/// So many entries, of which the last accepts the guest on our processor.
pub(crate) fn entries(count: usize) -> Verifiers {
    let host_data = |number| if number + 1 == count { HOST_DATA } else { [9; 32] };
    (0..count).map(|number| verifier(number, host_data(number))).collect()
}

fn verifiers_of(host_data: [u8; 32]) -> Verifiers {
    Arc::new([verifier(0, host_data)])
}

fn verifier(number: usize, host_data: [u8; 32]) -> Box<dyn Verifier> {
    let mut values = processor().reference_values();
    values.allowed_host_data = [host_data].into();
    Box::new(SnpVerifier::new(format!("simulated-{number}"), values, processor().trust_anchor()))
}

pub(crate) fn acceptor() -> Acceptor {
    Acceptor::new(attester(), PATIENCE)
}

pub(crate) fn connector(attester: Option<Arc<dyn Attester>>, verifiers: Verifiers) -> Connector {
    Connector::new(Identity::Fresh, attester, verifiers).with_timeout(PATIENCE)
}

pub(crate) fn no_verifiers() -> Verifiers {
    Arc::new([])
}

pub(crate) type Met =
    (Result<Accepted<DuplexStream>, HandshakeError>, Result<Connected<DuplexStream>, HandshakeError>);

/// Lets our two sides meet.
pub(crate) async fn meet(acceptor: &Acceptor, clients: ClientPolicy, connector: &Connector) -> Met {
    let (near, far) = duplex(1 << 16);
    tokio::join!(acceptor.accept(near, clients), connector.connect(far))
}

pub(crate) type Encountered =
    (Result<Accepted<DuplexStream>, HandshakeError>, io::Result<TlsStream<DuplexStream>>);

/// Lets a stranger meet our server.
pub(crate) async fn encounter(
    acceptor: &Acceptor,
    clients: ClientPolicy,
    stranger: &Stranger,
) -> Encountered {
    let (near, far) = duplex(1 << 16);
    tokio::join!(acceptor.accept(near, clients), stranger.connect(far))
}

/// A certificate in the style of a stranger, with any extensions.
pub(crate) fn certified(key: &KeyPair, extensions: &[(&[u64], &[u8])]) -> Arc<CertifiedKey> {
    let mut params = CertificateParams::default();
    params.custom_extensions = extensions
        .iter()
        .map(|(oid, content)| CustomExtension::from_oid_content(oid, content.to_vec()))
        .collect();
    let certificate = params.self_signed(key).unwrap();
    let private = PrivateKeyDer::try_from(key.serialized_der().to_vec()).unwrap();
    let private = provider().key_provider.load_private_key(private).unwrap();
    Arc::new(CertifiedKey::new(vec![certificate.der().clone()], private))
}

/// Genuine evidence of our processor for the key of a stranger.
pub(crate) fn evidence_for(key: &KeyPair, nonce: &[u8]) -> Evidence {
    attester().attest(&ReportData::for_tls_key(&key.subject_public_key_info(), nonce)).unwrap()
}

/// The nonce in the only acceptable authority, read without any parser of ours.
pub(crate) fn nonce_of(hints: &[&[u8]]) -> Vec<u8> {
    let [name] = hints else { panic!("one name, not {}", hints.len()) };
    STANDARD.decode(&name[name.len() - 44..]).unwrap()
}

/// The only finding of the only verifier.
fn only_finding(refusal: &Refusal) -> &Finding {
    let Refusal::Rejected { nearest, others: 0 } = refusal else { panic!("{refusal:?}") };
    let [rejection] = nearest.as_slice() else { panic!("{refusal:?}") };
    let [finding] = rejection.findings.as_slice() else { panic!("{refusal:?}") };
    finding
}

/// The only finding is that the report data is another.
pub(crate) fn assert_wrong_report_data(refusal: &Refusal) {
    let finding = only_finding(refusal);
    assert_eq!(finding.field, "report field REPORT_DATA");
    assert_eq!((finding.expected.len(), finding.found.len()), (128, 128), "{finding:?}");
    assert_ne!(finding.expected, finding.found);
}

/// The only finding is that the document cannot be read, for this reason.
pub(crate) fn assert_unreadable(refusal: &Refusal, reason: &str) {
    let finding = only_finding(refusal);
    assert_eq!((&*finding.field, &*finding.expected), ("attestation document", "a well-formed SNP report"));
    assert!(finding.found.ends_with(reason), "{finding:?}");
}

/// A certificate has the extension with simulated evidence twice.
pub(crate) fn assert_twice(error: &HandshakeError) {
    let HandshakeError::Certificate(CertificateFault::DuplicateExtension(oid)) = error else {
        panic!("{error}")
    };
    assert_eq!(oid, "1.3.9901.2.100");
}

type Answer = dyn Fn(&[&[u8]]) -> Option<Arc<CertifiedKey>> + Send + Sync;

/// A client that offers what it likes, answers as it likes, and believes everything.
pub(crate) struct Stranger {
    pub(crate) config: ClientConfig,
    pub(crate) seen: Arc<Mutex<Option<CertificateDer<'static>>>>,
}

impl Stranger {
    pub(crate) fn new(
        alpn: &[&[u8]],
        versions: &[&'static SupportedProtocolVersion],
        answer: impl Fn(&[&[u8]]) -> Option<Arc<CertifiedKey>> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(None));
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible(Arc::clone(&seen))))
            .with_client_cert_resolver(Arc::new(Scripted(Box::new(answer))));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Self { config, seen }
    }

    /// One that offers an ordinary nonce and has no certificate.
    pub(crate) fn ordinary() -> Self {
        Self::new(ORDINARY, rustls::ALL_VERSIONS, |_| None)
    }

    pub(crate) async fn connect<IO>(&self, io: IO) -> io::Result<TlsStream<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from("coordinator").unwrap();
        TlsConnector::from(Arc::new(self.config.clone())).connect(name, io).await
    }

    /// Never mind that sessions are not to be resumed.
    pub(crate) fn that_resumes(mut self) -> Self {
        self.config.resumption = Resumption::in_memory_sessions(8);
        self
    }
}

/// An ordinary offer: the nonce is 32 times 0xaa.
pub(crate) const ORDINARY: &[&[u8]] =
    &[b"atls:v1:nonce:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"h2"];

pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

struct Scripted(Box<Answer>);

impl ResolvesClientCert for Scripted {
    fn resolve(&self, hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        (self.0)(hints)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

#[derive(Debug)]
struct Gullible(Arc<Mutex<Option<CertificateDer<'static>>>>);

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().unwrap() = Some(end_entity.clone().into_owned());
        Ok(ServerCertVerified::assertion())
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
