//! The client's side.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, client::Resumption, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    sync::oneshot,
    task::spawn_blocking,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    answer::Answer,
    certificate::PeerCertificate,
    error::HandshakeError,
    key::Identity,
    nonce::{HTTP2, Nonce},
    outcome::Outcome,
    provider::provider,
    server_certificates::{Judged, ServerCertificates},
};
use crate::{Attester, Claims, ReportData, Verifier};

/// How long a client waits for a connection, from dialling to the server's verdict over evidence.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes attested TLS connections. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    identity: Identity,
    attester: Option<Arc<dyn Attester>>,
    verifiers: Arc<[Box<dyn Verifier>]>,
    timeout: Duration,
}

/// A connection after its handshake.
pub struct Connected<IO> {
    /// What the server says.
    pub stream: TlsStream<IO>,
    /// What the appraisal of the server found; `None` where there were no verifiers.
    pub claims: Option<Claims>,
    /// What the server presented. Where there were no verifiers, nobody has appraised it.
    pub certificate: PeerCertificate,
    /// What evidence in the certificate has to be bound to on this connection.
    pub report_data: ReportData,
}

impl Connector {
    /// A connector that presents `identity`, with evidence if there is an `attester`, and accepts servers that
    /// one of `verifiers` accepts. Without verifiers it accepts every server.
    #[must_use]
    pub fn new(
        identity: Identity,
        attester: Option<Arc<dyn Attester>>,
        verifiers: Arc<[Box<dyn Verifier>]>,
    ) -> Self {
        Self { identity, attester, verifiers, timeout: CONNECT_TIMEOUT }
    }

    /// Waits for `timeout` instead of [`CONNECT_TIMEOUT`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a connection may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Does the client's side of a handshake over `io`; on a thread that may block if the attester waits for
    /// something. Dropping the future ends the handshake.
    ///
    /// In TLS 1.3 a client is done before the server has looked at the client's certificate: that the server
    /// refuses it shows when something is read from the stream.
    ///
    /// # Errors
    /// See [`HandshakeError`].
    pub async fn connect<IO>(&self, io: IO) -> Result<Connected<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if !self.attester.as_ref().is_some_and(|attester| attester.waits()) {
            return self.handshake_in_time(io).await;
        }
        let connector = self.clone();
        on_blocking_thread(async move { connector.handshake_in_time(io).await })
            .await
            .unwrap_or(Err(HandshakeError::Abandoned))
    }

    async fn handshake_in_time<IO>(&self, io: IO) -> Result<Connected<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::time::timeout(self.timeout, self.handshake(io))
            .await
            .unwrap_or(Err(HandshakeError::TimedOut(self.timeout)))
    }

    async fn handshake<IO>(&self, io: IO) -> Result<Connected<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let nonce = Nonce::random().map_err(super::IssueError::Randomness)?;
        let (verdict, unanswered) = (Outcome::new(), Outcome::new());
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(HandshakeError::Tls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(ServerCertificates::new(
                nonce.clone(),
                Arc::clone(&self.verifiers),
                verdict.clone(),
            )))
            .with_client_cert_resolver(Arc::new(Answer::new(
                self.identity.clone(),
                self.attester.clone(),
                unanswered.clone(),
            )));
        config.alpn_protocols = nonce.to_alpn();
        config.enable_sni = false;
        // A resumed session would skip both nonces.
        config.resumption = Resumption::disabled();

        let handshake = TlsConnector::from(Arc::new(config)).connect(no_name(), io).await;
        let judged = verdict.take().transpose()?;
        // Even where TLS went on regardless.
        if let Some(error) = unanswered.take() {
            return Err(error);
        }
        let stream = handshake.map_err(HandshakeError::from_stream)?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(HandshakeError::NoHttp2);
        }
        // There is no handshake without a look at the server's certificate.
        let Judged { claims, certificate } = judged.ok_or(HandshakeError::Abandoned)?;
        let report_data = ReportData::for_tls_key(&certificate.spki_der, nonce.as_bytes());
        Ok(Connected { stream, claims, certificate, report_data })
    }
}

/// Host names play no role, and are not sent.
fn no_name() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into())
}

/// Runs `work` on a thread where it may block, and ends it when the returned future is dropped. `None` if the
/// work crashed or the runtime is shutting down.
async fn on_blocking_thread<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (waiting, abandoned) = oneshot::channel::<()>();
    let runtime = Handle::current();
    let done = spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = abandoned => None,
                output = work => Some(output),
            }
        })
    });
    let output = done.await.ok().flatten();
    drop(waiting);
    output
}
