//! The server's side.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    ServerConfig,
    server::{Acceptor as Hello, ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake, server::TlsStream};

use super::{
    appraise::appraise,
    certificate::PeerCertificate,
    client_certificates::ClientCertificates,
    desk::Desk,
    error::HandshakeError,
    nonce::{HTTP2, Nonce},
    outcome::Outcome,
    provider::provider,
};
use crate::{Attester, Claims, Refusal, Verifier};

/// How long a server waits for a handshake. Shorter than [`super::CONNECT_TIMEOUT`], so that the client
/// still hears what went wrong.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(25);

/// Accepts attested TLS connections. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    desk: Desk,
    timeout: Duration,
}

/// What a server asks of its clients.
#[derive(Clone)]
pub enum ClientPolicy {
    /// A certificate is asked for and not required. Whoever presents one has proven to hold its key, and that
    /// is all: not even its validity is looked at.
    Optional,
    /// A certificate is required, and its evidence is appraised by these verifiers, which are alternatives.
    /// The verdict does not end the handshake: see [`Peer::appraisal`].
    Appraise(Arc<[Box<dyn Verifier>]>),
}

/// A connection whose client has said what it wants, and to whom nothing was said yet.
pub struct Greeted<IO> {
    hello: StartHandshake<IO>,
}

/// A connection after its handshake.
pub struct Accepted<IO> {
    /// What the client says.
    pub stream: TlsStream<IO>,
    /// Who the client is.
    pub peer: Peer,
}

/// What the handshake found out about a client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The certificate that the client presented, and whose key it holds.
    pub certificate: Option<PeerCertificate>,
    /// The verdict, where the policy asked for one. A refusal leaves the connection open, because a TLS alert
    /// cannot explain: the layer above has to refuse every request, and say why.
    pub appraisal: Option<Result<Claims, Refusal>>,
}

impl Acceptor {
    /// An acceptor that presents evidence of `attester` and gives each client `handshake_timeout`, usually
    /// [`HANDSHAKE_TIMEOUT`], for everything up to the verdict.
    #[must_use]
    pub fn new(attester: Arc<dyn Attester>, handshake_timeout: Duration) -> Self {
        Self { desk: Desk::new(attester), timeout: handshake_timeout }
    }

    /// Does the server's side of a handshake over `io`: [`Self::greet`] and [`Self::answer`], in one time limit.
    ///
    /// # Errors
    /// See [`HandshakeError`]. The client has been sent an alert where it still listens.
    pub async fn accept<IO>(&self, io: IO, clients: ClientPolicy) -> Result<Accepted<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let both = async { self.handshake(Self::hello(io).await?, clients).await };
        in_time(self.timeout, both).await
    }

    /// Waits for a ClientHello. Nothing was computed before it is there, and it is due at once: `timeout` may be short.
    ///
    /// # Errors
    /// See [`HandshakeError`].
    pub async fn greet<IO>(&self, io: IO, timeout: Duration) -> Result<Greeted<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        in_time(timeout, Self::hello(io)).await
    }

    /// Does the rest of a handshake. Evidence is made on threads that may block if the attester waits for something.
    /// The appraisal is arithmetic, like the rest of the handshake, and takes about as long.
    ///
    /// # Errors
    /// See [`HandshakeError`]. The client has been sent an alert where it still listens.
    pub async fn answer<IO>(
        &self,
        greeted: Greeted<IO>,
        clients: ClientPolicy,
    ) -> Result<Accepted<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        in_time(self.timeout, self.handshake(greeted, clients)).await
    }

    async fn hello<IO>(io: IO) -> Result<Greeted<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(Hello::default(), io).await;
        hello.map(|hello| Greeted { hello }).map_err(HandshakeError::from_stream)
    }

    async fn handshake<IO>(
        &self,
        Greeted { hello }: Greeted<IO>,
        clients: ClientPolicy,
    ) -> Result<Accepted<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let presented = match client_nonce(&hello.client_hello()) {
            Ok(nonce) => self.desk.certificate(nonce).await,
            Err(error) => Err(error),
        };
        let certificate = match presented {
            Ok(certificate) => certificate,
            // Hung up on, a client tries again; an alert would tell it not to.
            Err(busy @ HandshakeError::Busy { .. }) => return Err(busy),
            Err(error) => {
                dismiss(hello).await;
                return Err(error);
            }
        };

        let nonce = Nonce::random().map_err(super::IssueError::Randomness)?;
        let seen = Outcome::new();
        let required = matches!(clients, ClientPolicy::Appraise(_));
        let asked = ClientCertificates::new(&nonce, required, seen.clone());
        let config = configuration(asked, Arc::new(SingleCertAndKey::from(certificate)))?;
        let stream = match hello.into_stream(Arc::new(config)).await {
            Ok(stream) => stream,
            Err(error) => {
                return Err(match seen.take() {
                    Some(Err(fault)) => fault.into(),
                    _ => HandshakeError::from_stream(error),
                });
            }
        };
        let certificate = seen.take().transpose()?;
        let appraisal = verdict(&clients, certificate.as_ref(), &nonce)?;
        Ok(Accepted { stream, peer: Peer { certificate, appraisal } })
    }
}

async fn in_time<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, HandshakeError>>,
) -> Result<T, HandshakeError> {
    tokio::time::timeout(timeout, work).await.unwrap_or(Err(HandshakeError::TimedOut(timeout)))
}

fn client_nonce(hello: &ClientHello<'_>) -> Result<Nonce, HandshakeError> {
    Ok(Nonce::from_alpn(hello.alpn().into_iter().flatten())?)
}

/// Appraises the client, if its policy says so.
fn verdict(
    clients: &ClientPolicy,
    certificate: Option<&PeerCertificate>,
    nonce: &Nonce,
) -> Result<Option<Result<Claims, Refusal>>, HandshakeError> {
    let ClientPolicy::Appraise(verifiers) = clients else { return Ok(None) };
    let certificate = certificate.ok_or(HandshakeError::NoCertificate)?;
    Ok(Some(appraise(certificate, nonce, verifiers, SystemTime::now())))
}

/// The configuration of one connection.
fn configuration(
    clients: ClientCertificates,
    certificate: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, HandshakeError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(HandshakeError::Tls)?
        .with_client_cert_verifier(Arc::new(clients))
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![HTTP2.to_vec()];
    // A resumed session would skip both nonces.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_tls13_tickets = 0;
    Ok(config)
}

/// Ends a handshake that cannot go on with an alert: the TLS library sends one when it is given no
/// certificate.
async fn dismiss<IO>(hello: StartHandshake<IO>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    #[derive(Debug)]
    struct Nothing;

    impl ResolvesServerCert for Nothing {
        fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            None
        }
    }

    let clients = ClientCertificates::new(&Nonce::from_bytes(Vec::new()), false, Outcome::new());
    if let Ok(config) = configuration(clients, Arc::new(Nothing)) {
        // The reason is known already; that the client hung up before it heard of it adds nothing.
        let _ = hello.into_stream(Arc::new(config)).await;
    }
}
