//! TLS of somebody who has no right to anything: with any certificate or none, and without checking anything.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use rcgen::KeyPair;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::field::Field;

/// What is inside of TLS.
pub(super) type Tls = TlsStream<TcpStream>;

/// The nonce is the attacker's business: 32 times the same byte.
const OFFER: [&[u8]; 2] =
    [b"atls:v1:nonce:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"h2"];

/// A client that believes everything. Cheap to clone.
#[derive(Clone)]
pub(super) struct Stranger {
    config: Arc<ClientConfig>,
    seen: Arc<Mutex<Option<CertificateDer<'static>>>>,
}

impl Stranger {
    /// One without a certificate.
    pub(super) fn anonymous() -> Self {
        Self::presenting(None)
    }

    /// One with some self-signed certificate.
    pub(super) fn self_signed() -> Self {
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("it can be signed");
        Self::with_certificate(&key, certificate.der().clone())
    }

    /// One with this certificate for its key.
    pub(super) fn with_certificate(key: &KeyPair, certificate: CertificateDer<'static>) -> Self {
        let private = PrivateKeyDer::try_from(key.serialized_der().to_vec()).expect("it is PKCS#8");
        let private = provider().key_provider.load_private_key(private).expect("it is a usual key");
        Self::presenting(Some(Arc::new(CertifiedKey::new(vec![certificate], private))))
    }

    fn presenting(certificate: Option<Arc<CertifiedKey>>) -> Self {
        let seen = Arc::new(Mutex::new(None));
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible(Arc::clone(&seen))))
            .with_client_cert_resolver(Arc::new(Always(certificate)));
        config.alpn_protocols = OFFER.map(<[u8]>::to_vec).to_vec();
        Self { config: Arc::new(config), seen }
    }

    /// Dials, and does the handshake.
    pub(super) async fn connect(&self, field: &Field, api: SocketAddr) -> io::Result<Tls> {
        self.shake_hands(field.dial(api).await?).await
    }

    /// Does the handshake. In TLS 1.3 it is over for the client before the server has looked at its certificate.
    pub(super) async fn shake_hands(&self, tcp: TcpStream) -> io::Result<Tls> {
        TlsConnector::from(Arc::clone(&self.config)).connect(server_name(), tcp).await
    }

    /// What a ClientHello looks like on the wire.
    pub(super) fn client_hello(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut connection =
            ClientConnection::new(Arc::clone(&self.config), server_name()).expect("the name is fine");
        connection.write_tls(&mut bytes).expect("memory takes everything");
        bytes
    }

    /// The certificate of the server that was met last.
    pub(super) fn seen(&self) -> Option<CertificateDer<'static>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn server_name() -> ServerName<'static> {
    ServerName::try_from("coordinator").expect("it is a name")
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

#[derive(Debug)]
struct Always(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
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
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.clone().into_owned());
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
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
