//! Accepts TCP connections, does the attested TLS handshake, and hands the result to gRPC.
//!
//! A connection that says nothing costs a file descriptor and a few KiB until the handshake times out.
//! Connections in their handshake and established ones are bounded apart, so that thousands of either kind
//! do not keep an honest client out.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use contrast_attestation::atls::{Accepted, Acceptor, ClientPolicy, Peer};
use tokio::{
    io::BufWriter,
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    authority::{Active, Authority, Phase},
    crowd::{Crowd, Member},
};

/// Most connections in their handshake, for each API.
const MAX_HANDSHAKES: usize = 4096;
/// Most connections after their handshake, for each API.
const MAX_CONNECTIONS: usize = 1024;

/// Whom an API lets in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clients {
    /// Anybody; a client certificate only names its owner's key.
    Anybody,
    /// Pods: their evidence is appraised against the manifest of the moment.
    Pods,
}

/// What the RPC handlers learn about a connection.
#[derive(Clone)]
pub struct ConnectionInfo {
    /// What the handshake showed of the peer.
    pub peer: Peer,
    /// The state by which the peer was judged; all calls of the connection are answered from it.
    pub active: Option<Arc<Active>>,
}

/// An established connection.
pub type Connection = Member<BufWriter<TlsStream<TcpStream>>, ConnectionInfo>;

/// Accepts until the receiver is dropped.
pub fn incoming(
    listener: TcpListener,
    acceptor: Arc<Acceptor>,
    authority: Arc<Authority>,
    clients: Clients,
) -> ReceiverStream<Result<Connection, Infallible>> {
    let (established, receiver) = mpsc::channel(16);
    let crowd = Arc::new(Crowd::new(MAX_CONNECTIONS));
    tokio::spawn(accept_all(listener, Door { acceptor, authority, clients, crowd, established }));
    ReceiverStream::new(receiver)
}

/// What every handshake needs.
#[derive(Clone)]
struct Door {
    acceptor: Arc<Acceptor>,
    authority: Arc<Authority>,
    clients: Clients,
    crowd: Arc<Crowd>,
    established: mpsc::Sender<Result<Connection, Infallible>>,
}

async fn accept_all(listener: TcpListener, door: Door) {
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    while let Ok(handshaking) = Arc::clone(&handshakes).acquire_owned().await {
        let (tcp, remote) = tokio::select! {
            () = door.established.closed() => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        let door = door.clone();
        tokio::spawn(async move {
            let _handshaking = handshaking;
            door.handshake(tcp, remote).await;
        });
    }
}

/// An accept fails when the peer is gone already, which is harmless, or when there are no more file
/// descriptors, which only time can mend.
async fn pause_after(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "cannot accept a connection; trying again in a moment");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Door {
    async fn handshake(&self, tcp: TcpStream, remote: SocketAddr) {
        let _ = tcp.set_nodelay(true);
        let active = match self.authority.phase() {
            Phase::Active(active) if self.clients == Clients::Pods => Some(active),
            _ => None,
        };
        let policy = match (self.clients, &active) {
            (Clients::Anybody, _) => ClientPolicy::Optional,
            (Clients::Pods, Some(active)) => ClientPolicy::Appraise(Arc::clone(&active.verifiers)),
            // Nobody can be judged yet; the RPC handlers say so.
            (Clients::Pods, None) => ClientPolicy::Appraise(Arc::default()),
        };
        match self.acceptor.accept(tcp, policy).await {
            Ok(Accepted { stream, peer }) => {
                // HTTP/2 writes frame by frame, and each write to TLS would be a record and a packet of its own.
                let stream = BufWriter::new(stream);
                let connection = self.crowd.admit(stream, ConnectionInfo { peer, active });
                let _ = self.established.send(Ok(connection)).await;
            }
            Err(error) => tracing::info!(%remote, %error, "handshake failed"),
        }
    }
}
