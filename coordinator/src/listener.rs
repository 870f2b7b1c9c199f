//! Accepts TCP connections, does the attested TLS handshake, and serves what comes of it.
//!
//! A connection goes through three crowds, each bounded for both APIs together: silent, in its handshake, established.
//! So thousands at one stage keep nobody from passing through another, and each costs as little as its stage allows:
//! nothing is set aside for a connection before its first byte, and nothing is computed before a whole ClientHello.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};

use contrast_attestation::Attester;
use contrast_attestation::atls::{
    Accepted, Acceptor, ClientPolicy, HANDSHAKE_TIMEOUT, HandshakeError, Peer, PeerCertificate,
};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::BufWriter,
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_rustls::server::TlsStream;

use crate::{
    authority::{Active, Authority, Phase},
    command::Caller,
    crowd::{Crowd, First, Place, Visitor},
    grpc::{self, Api},
    limits::{self, CONNECTION_RESPITE, HANDSHAKE_RESPITE, HELLO_TIMEOUT, SILENT_RESPITE},
};

/// Connections that one thread accepts before it goes on with what it has begun. To take only one in a turn was measured to
/// cost 5 % more for each.
const ACCEPTED_IN_A_TURN: u32 = 8;

/// Whom an API lets in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clients {
    /// Anybody; a client certificate only names its owner's key.
    Anybody,
    /// Pods: their evidence is appraised against the manifest of the moment.
    Pods,
}

/// What the RPC handlers learn about a connection. It is large, and every call gets it: hence it is shared.
pub struct ConnectionInfo {
    /// What the handshake showed of the peer. Only a pod whose evidence was accepted has its certificate kept.
    pub peer: Peer,
    /// The names of the client's public key, if it is of a kind that owners have. Only for [`Clients::Anybody`].
    pub caller: Option<Caller>,
    /// The state by which a pod was judged; all calls of the connection are answered from it.
    pub active: Option<Arc<Active>>,
    /// The connection's place among others.
    pub visitor: Arc<Visitor>,
}

/// What speaks TLS.
pub type Stream = BufWriter<TlsStream<TcpStream>>;

/// Those who are on their way in, or in, by any API. Cheap to clone.
#[derive(Clone)]
pub struct Crowds {
    silent: Arc<Crowd>,
    handshaking: Arc<Crowd>,
    established: Arc<Crowd>,
}

impl Crowds {
    /// Nobody yet; as many as [`limits`] says.
    #[must_use]
    pub fn new() -> Self {
        Self {
            silent: Crowd::new(limits::SILENT_CONNECTIONS, First::OfMany),
            handshaking: Crowd::new(limits::HANDSHAKES, First::OfMany),
            established: Crowd::new(limits::CONNECTIONS, First::WithNothing),
        }
    }

    /// Cuts the connections that have been open for too long.
    pub fn cut_old(&self) {
        self.established.cut_old(limits::IDLE_CONNECTION_AGE, limits::CONNECTION_AGE);
    }
}

impl Default for Crowds {
    fn default() -> Self {
        Self::new()
    }
}

/// What every handshake needs. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    acceptor: Arc<Acceptor>,
    authority: Arc<Authority>,
    crowds: Crowds,
}

impl Door {
    /// Presents evidence of `attester`, and judges by what `authority` publishes.
    #[must_use]
    pub fn new(attester: Arc<dyn Attester>, authority: Arc<Authority>, crowds: Crowds) -> Self {
        Self { acceptor: Arc::new(Acceptor::new(attester, HANDSHAKE_TIMEOUT)), authority, crowds }
    }
}

/// The way in to one API, for any number of threads. Cheap to clone; what it bounds, it bounds for all of them.
#[derive(Clone)]
pub struct Entrance<A> {
    tcp: Arc<StdListener>,
    door: Door,
    clients: Clients,
    api: A,
}

impl<A: Api> Entrance<A> {
    /// The way in to `api` for `clients` that dial `tcp`.
    ///
    /// # Errors
    /// When the operating system does not let go of the socket.
    pub fn new(tcp: TcpListener, door: Door, clients: Clients, api: A) -> io::Result<Self> {
        Ok(Self { tcp: Arc::new(tcp.into_std()?), door, clients, api })
    }

    /// Accepts and serves on this thread's runtime, until it is told to stop and the last call has ended. Threads that do
    /// so share the work: whoever has time takes the connections that wait.
    ///
    /// # Errors
    /// When the operating system cannot watch one more socket.
    pub fn serve(self, mut stopping: watch::Receiver<bool>) -> io::Result<impl Future<Output = ()>> {
        let listener = TcpListener::from_std(self.tcp.try_clone()?)?;
        Ok(async move {
            let (open, mut all_closed) = mpsc::channel::<()>(1);
            let guests = stopping.clone();
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => {}
                () = self.accept_all(listener, guests, open) => {}
            }
            drop(self);
            all_closed.recv().await;
        })
    }

    async fn accept_all(
        &self,
        listener: TcpListener,
        stopping: watch::Receiver<bool>,
        open: mpsc::Sender<()>,
    ) {
        for accepted in 1_u32.. {
            // What was begun comes first: a flood must not leave more behind than its places hold.
            if accepted.is_multiple_of(ACCEPTED_IN_A_TURN) {
                tokio::task::yield_now().await;
            }
            match listener.accept().await {
                Ok((tcp, remote)) => {
                    // Where both families share a socket, this is an address of one of them.
                    let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
                    let visitor = Visitor::new(remote.ip());
                    let silent = self.door.crowds.silent.admit_after(SILENT_RESPITE, &visitor).await;
                    let arrived = Arrived { remote, visitor, silent };
                    let (entrance, stopping, open) = (self.clone(), stopping.clone(), open.clone());
                    tokio::spawn(async move {
                        let _open = open;
                        entrance.receive(tcp, arrived, stopping).await;
                    });
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    /// All of a connection's life.
    async fn receive(self, tcp: TcpStream, arrived: Arrived, stopping: watch::Receiver<bool>) {
        let Arrived { remote, visitor, silent } = arrived;
        let crowds = &self.door.crowds;
        let waited = until_cut(&visitor, async {
            first_byte(&tcp).await?;
            // Who waits for a place further in is not silent any more.
            visitor.has_shown(true);
            Ok(crowds.handshaking.admit_after(HANDSHAKE_RESPITE, &visitor).await)
        });
        let waited = waited.await;
        drop(silent);
        visitor.has_shown(false);
        // What is large has no room before it is needed: most of a flood ends above.
        let met = match waited {
            Ok(place) => {
                Box::pin(until_cut(&visitor, self.door.meet(tcp, self.clients, &visitor, place))).await
            }
            Err(error) => Err(error),
        };
        match met {
            Ok((stream, info, _place)) => {
                Box::pin(grpc::serve(stream, self.api, Arc::new(info), stopping)).await;
            }
            Err(error) => tracing::info!(%remote, error = error.to_string(), "handshake failed"),
        }
    }
}

/// Somebody who was let in, and has not said anything.
struct Arrived {
    remote: SocketAddr,
    visitor: Arc<Visitor>,
    silent: Place,
}

/// Waits for `work`, unless the connection is cut to make room before.
async fn until_cut<T>(
    visitor: &Visitor,
    work: impl Future<Output = Result<T, HandshakeError>>,
) -> Result<T, HandshakeError> {
    tokio::select! {
        result = work => result,
        () = visitor.is_cut() => Err(HandshakeError::Connection(io::Error::other("too many others wait; try again"))),
    }
}

/// An accept fails when the peer is gone already, which is harmless, or when there are no more file
/// descriptors, which only time can mend.
pub(crate) async fn pause_after(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "cannot accept a connection; trying again in a moment");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Door {
    /// The handshake, and what it tells.
    async fn meet(
        &self,
        tcp: TcpStream,
        clients: Clients,
        visitor: &Arc<Visitor>,
        place: Place,
    ) -> Result<(Stream, ConnectionInfo, Place), HandshakeError> {
        let _ = tcp.set_nodelay(true);
        let greeted = self.acceptor.greet(tcp, HELLO_TIMEOUT).await?;
        visitor.has_shown(true);
        let active = match self.authority.phase() {
            Phase::Active(active) if clients == Clients::Pods => Some(active),
            _ => None,
        };
        let policy = match (clients, &active) {
            (Clients::Anybody, _) => ClientPolicy::Optional,
            (Clients::Pods, Some(active)) => ClientPolicy::Appraise(Arc::clone(&active.verifiers)),
            // Nobody can be judged yet; the RPC handlers say so.
            (Clients::Pods, None) => ClientPolicy::Appraise(Arc::default()),
        };
        let Accepted { mut stream, mut peer } = self.acceptor.answer(greeted, policy).await?;

        stream.get_mut().1.set_buffer_limit(Some(limits::SEND_BUFFER));
        let caller = match clients {
            Clients::Anybody => peer.certificate.take().as_ref().and_then(owner_key),
            Clients::Pods => None,
        };
        let is_accepted = matches!(peer.appraisal, Some(Ok(_)));
        if !is_accepted {
            peer.certificate = None;
        }
        visitor.is_heard(false);
        visitor.has_shown(is_accepted || caller.is_some_and(|caller| self.authority.is_owner(&caller)));
        // Who waits here keeps its place among the handshakes, so that no more are begun than there is room for.
        let established = self.crowds.established.admit_after(CONNECTION_RESPITE, visitor).await;
        drop(place);
        let info = ConnectionInfo { peer, caller, active, visitor: Arc::clone(visitor) };
        // HTTP/2 writes frame by frame, and each write to TLS would be a record and a packet of its own.
        Ok((BufWriter::new(stream), info, established))
    }
}

async fn first_byte(tcp: &TcpStream) -> Result<(), HandshakeError> {
    // Looked at, not waited for: a socket may be called readable without a byte.
    let mut byte = [0];
    let peeked = tokio::time::timeout(HELLO_TIMEOUT, tcp.peek(&mut byte)).await;
    let peeked = peeked.map_err(|_| HandshakeError::TimedOut(HELLO_TIMEOUT))?;
    match peeked.map_err(HandshakeError::Connection)? {
        0 => Err(HandshakeError::Connection(io::ErrorKind::UnexpectedEof.into())),
        _ => Ok(()),
    }
}

fn owner_key(certificate: &PeerCertificate) -> Option<Caller> {
    Some(Caller {
        digest: Sha256::digest(certificate.owner_key_der()?).into(),
        spki_digest: Sha256::digest(&certificate.spki_der).into(),
    })
}
