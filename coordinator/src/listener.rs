//! Accepts TCP connections, does the attested TLS handshake, and hands the result to gRPC.
//!
//! A connection that says nothing costs a file descriptor and a few KiB until the handshake times out.
//! Connections in their handshake and established ones are bounded apart, so that thousands of either kind
//! do not keep an honest client out.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};

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

/// What the RPC handlers learn about a connection. It is large, and every call gets it: hence [`Connection`] shares it.
pub struct ConnectionInfo {
    /// What the handshake showed of the peer.
    pub peer: Peer,
    /// The state by which the peer was judged; all calls of the connection are answered from it.
    pub active: Option<Arc<Active>>,
}

/// An established connection.
pub type Connection = Member<BufWriter<TlsStream<TcpStream>>, Arc<ConnectionInfo>>;

/// The way in to one API, for any number of threads. Cheap to clone; what it bounds, it bounds for all of them.
#[derive(Clone)]
pub struct Entrance {
    tcp: Arc<StdListener>,
    door: Door,
    handshakes: Arc<Semaphore>,
}

/// What every handshake needs.
#[derive(Clone)]
struct Door {
    acceptor: Arc<Acceptor>,
    authority: Arc<Authority>,
    clients: Clients,
    crowd: Arc<Crowd>,
}

impl Entrance {
    /// The way in for `clients` that dial `tcp`.
    ///
    /// # Errors
    /// When the operating system does not let go of the socket.
    pub fn new(
        tcp: TcpListener,
        acceptor: Arc<Acceptor>,
        authority: Arc<Authority>,
        clients: Clients,
    ) -> io::Result<Self> {
        let crowd = Arc::new(Crowd::new(MAX_CONNECTIONS));
        Ok(Self {
            tcp: Arc::new(tcp.into_std()?),
            door: Door { acceptor, authority, clients, crowd },
            handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
        })
    }

    /// Accepts on this thread's runtime, until the receiver is dropped. Threads that do so share the work: whoever
    /// has time takes the connections that wait. To take only one in a turn was measured to cost 5 % more for each.
    ///
    /// # Errors
    /// When the operating system cannot watch one more socket.
    pub fn open(&self) -> io::Result<ReceiverStream<Result<Connection, Infallible>>> {
        let listener = TcpListener::from_std(self.tcp.try_clone()?)?;
        let (established, receiver) = mpsc::channel(16);
        tokio::spawn(accept_all(listener, self.clone(), established));
        Ok(ReceiverStream::new(receiver))
    }
}

type Established = mpsc::Sender<Result<Connection, Infallible>>;

async fn accept_all(listener: TcpListener, entrance: Entrance, established: Established) {
    while let Ok(handshaking) = Arc::clone(&entrance.handshakes).acquire_owned().await {
        let (tcp, remote) = tokio::select! {
            () = established.closed() => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        let (door, established) = (entrance.door.clone(), established.clone());
        tokio::spawn(async move {
            let _handshaking = handshaking;
            if let Some(connection) = door.handshake(tcp, remote).await {
                let _ = established.send(Ok(connection)).await;
            }
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
    /// What comes in, unless the handshake fails.
    async fn handshake(&self, tcp: TcpStream, remote: SocketAddr) -> Option<Connection> {
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
                Some(self.crowd.admit(stream, Arc::new(ConnectionInfo { peer, active })))
            }
            Err(error) => {
                tracing::info!(%remote, error = error.to_string(), "handshake failed");
                None
            }
        }
    }
}
