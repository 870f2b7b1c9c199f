//! gRPC over an attested connection, for clients.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{io::BufWriter, net::TcpStream};
use tokio_rustls::client::TlsStream;
use tonic::{
    body::Body,
    codegen::{
        Service,
        http::{
            Request, Response,
            uri::{Authority, Scheme, Uri},
        },
    },
};

use super::{Connected, Connector, HandshakeError};
use crate::Claims;

/// The largest message that either side takes, in bytes. A manifest comes with all of its policies.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// How long a connection is silent before the server is asked whether it is still there, and how long it has to
/// answer then (HTTP/2 PING, RFC 9113, 6.7).
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A gRPC channel, and what is known about the server at its other end.
#[derive(Clone, Debug)]
pub struct Link {
    /// The channel. It lives on one connection: when that breaks, calls fail, and a new link is needed. To
    /// connect again by itself would mean to talk to a server that nobody appraised.
    pub channel: Channel,
    /// What the appraisal of the server found; `None` where there were no verifiers.
    pub claims: Option<Claims>,
}

/// Carries calls of tonic's clients over one connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Channel {
    requests: http2::SendRequest<Body>,
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    /// Always. That the connection is broken is for the call to say: generated clients make of an error here a status
    /// without a source, which looks as if the other side had sent it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // Clients only know the method's path; HTTP/2 wants to know the scheme and a name of the server, too.
        let mut target = request.uri().clone().into_parts();
        target.scheme = Some(Scheme::HTTPS);
        target.authority = Some(Authority::from_static("coordinator"));
        // A path with a scheme and an authority before it is always one.
        if let Ok(target) = Uri::from_parts(target) {
            *request.uri_mut() = target;
        }
        Box::pin(self.requests.send_request(request))
    }
}

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No TCP connection.
    #[error("cannot connect to {address}: {cause}")]
    Dial {
        /// Where to, `host:port`.
        address: String,
        /// The system's answer.
        cause: io::Error,
    },
    /// A TCP connection, and no attested TLS on it.
    #[error("no attested connection to {address}: {cause}")]
    Handshake {
        /// Where to, `host:port`.
        address: String,
        /// What went wrong.
        cause: HandshakeError,
    },
    /// Attested TLS, and no HTTP/2 on it.
    #[error("{address} does not speak gRPC: {cause}")]
    Http2 {
        /// Where to, `host:port`.
        address: String,
        /// What went wrong.
        cause: hyper::Error,
    },
}

impl ConnectError {
    /// Whether the same attempt may succeed a little later, without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Dial { .. } => true,
            Self::Handshake { cause, .. } => cause.is_transient(),
            Self::Http2 { .. } => false,
        }
    }
}

/// Connects to `address` (`host:port`) and does the handshake before anything is sent.
///
/// # Errors
/// See [`ConnectError`]. [`Connector::timeout`] bounds everything, dialling included.
pub async fn channel(address: &str, connector: &Connector) -> Result<Channel, ConnectError> {
    link(address, connector).await.map(|link| link.channel)
}

/// Like [`channel`], and hands out the server's claims too.
///
/// # Errors
/// See [`ConnectError`].
pub async fn link(address: &str, connector: &Connector) -> Result<Link, ConnectError> {
    in_time(address, connector, establish(address, connector)).await
}

/// Connects to `address` (`host:port`) and does the handshake, without any gRPC on top: for who only wants to see
/// what the server presents.
///
/// # Errors
/// See [`ConnectError`]. [`Connector::timeout`] bounds everything, dialling included.
pub async fn meet(address: &str, connector: &Connector) -> Result<Connected<TcpStream>, ConnectError> {
    in_time(address, connector, shake_hands(address, connector)).await
}

/// Ends an attempt that takes too long.
async fn in_time<T>(
    address: &str,
    connector: &Connector,
    attempt: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let timeout = connector.timeout();
    tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| {
        Err(ConnectError::Handshake { address: address.to_owned(), cause: HandshakeError::TimedOut(timeout) })
    })
}

async fn shake_hands(address: &str, connector: &Connector) -> Result<Connected<TcpStream>, ConnectError> {
    let dial = |cause| ConnectError::Dial { address: address.to_owned(), cause };
    let tcp = TcpStream::connect(address).await.map_err(dial)?;
    tcp.set_nodelay(true).map_err(dial)?;
    connector
        .connect(tcp)
        .await
        .map_err(|cause| ConnectError::Handshake { address: address.to_owned(), cause })
}

async fn establish(address: &str, connector: &Connector) -> Result<Link, ConnectError> {
    let Connected { stream, claims, .. } = shake_hands(address, connector).await?;
    let channel =
        over(stream).await.map_err(|cause| ConnectError::Http2 { address: address.to_owned(), cause })?;
    Ok(Link { channel, claims })
}

/// A channel on `stream` and on nothing else.
async fn over(stream: TlsStream<TcpStream>) -> Result<Channel, hyper::Error> {
    // A frame is often a few bytes long, and each write to TLS would be a record and a packet of its own.
    let stream = TokioIo::new(BufWriter::new(stream));
    let (requests, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        // A call may take long; a server that is gone must not be waited for.
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .handshake(stream)
        .await?;
    // Whatever ends the connection fails the calls on it, and they say so. It ends with the last channel.
    tokio::spawn(connection);
    Ok(Channel { requests })
}
