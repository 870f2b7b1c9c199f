//! Connections to the API server: through a proxy if need be, over TLS.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use contrast_http::{HttpError, Proxies, Target};
use hyper::{
    Uri,
    rt::{Read, ReadBufCursor, Write},
};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::{AlertDescription, CertificateError, ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::Service;

use crate::error::AccessError;

/// How long a connection may take, TLS included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to one API server, whatever it is asked for.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Way>);

/// The server, and the way there.
pub(crate) struct Way {
    pub(crate) server: Target,
    /// The name that its certificate must have; none without TLS.
    pub(crate) name: Option<ServerName<'static>>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) proxies: Proxies,
}

/// A connection.
pub(crate) enum Link {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connector {
    pub(crate) fn new(way: Way) -> Self {
        Self(Arc::new(way))
    }
}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = AccessError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, AccessError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AccessError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let way = Arc::clone(&self.0);
        Box::pin(async move {
            timeout(PATIENCE, way.connect()).await.unwrap_or_else(|_| {
                Err(AccessError::Slow {
                    server: way.server.name(),
                    what: "accept a connection",
                    limit: PATIENCE,
                })
            })
        })
    }
}

impl Way {
    async fn connect(&self) -> Result<Link, AccessError> {
        let server = self.server.name();
        let tcp = self.proxies.connect(&self.server).await;
        let tcp = tcp.map_err(|source| AccessError::Away { server: server.clone(), source })?;
        // Small questions and answers follow each other.
        let _ = tcp.set_nodelay(true);
        let Some(name) = &self.name else { return Ok(Link::Plain(TokioIo::new(tcp))) };
        match TlsConnector::from(Arc::clone(&self.tls)).connect(name.clone(), tcp).await {
            Ok(tls) => Ok(Link::Tls(Box::new(TokioIo::new(tls)))),
            Err(error) => Err(tls_failure(&error, &server).unwrap_or_else(|| AccessError::Away {
                server: server.clone(),
                source: HttpError::Connection { host: server, source: Arc::new(error) },
            })),
        }
    }
}

/// What a failure of TLS means, wherever in a chain of causes it stands.
pub(crate) fn tls_failure(error: &(dyn Error + 'static), server: &str) -> Option<AccessError> {
    let server = server.to_owned();
    let mut next = Some(error);
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<io::Error>().and_then(|io| io.get_ref());
        let inner = inner.map(|inner| inner as &(dyn Error + 'static));
        if let Some(tls) = inner.unwrap_or(cause).downcast_ref::<rustls::Error>() {
            return Some(match tls {
                rustls::Error::InvalidCertificate(certificate) => {
                    AccessError::WrongServer { server, reason: certificate_reason(certificate) }
                }
                rustls::Error::InvalidMessage(_) => AccessError::NoTls { server },
                rustls::Error::AlertReceived(alert) if is_about_the_client(*alert) => {
                    AccessError::CertificateRefused { server, reason: format!("{alert:?}") }
                }
                other => AccessError::Broken { server, reason: other.to_string() },
            });
        }
        next = inner.or_else(|| cause.source());
    }
    None
}

fn certificate_reason(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not of the authority that the kubeconfig names"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate has other names than the one that the kubeconfig asks for"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate is expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, by this machine's clock"
        }
        _ => "its certificate cannot be used",
    }
}

fn is_about_the_client(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<Result<(), io::Error>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl Write for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, io::Error>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
