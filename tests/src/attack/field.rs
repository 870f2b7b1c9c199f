//! Where an attack takes place: whom it is let loose on, for how long, from where, and what came of it.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

/// Most connections of one attack, whatever happens to them; it ends by its clock long before.
const MOST_CONNECTIONS: u64 = 200_000;
/// Between two attempts of one attacker, so that a victim that refuses at once is not all that is measured.
const PAUSE: Duration = Duration::from_millis(5);
/// What a victim may leave a new connection waiting for.
const DIAL: Duration = Duration::from_secs(10);

/// Whom attackers are let loose on. Only addresses of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The user API.
    pub user_api: SocketAddr,
    /// The mesh API.
    pub mesh_api: SocketAddr,
    /// For how long.
    pub time: Duration,
    /// From how many addresses: 1 is that of the honest clients, 127.0.0.1; more are others, from 127.0.0.2 on.
    pub addresses: u8,
}

/// One attack that is going on. Cheap to clone.
#[derive(Clone)]
pub(super) struct Field(Arc<Inner>);

struct Inner {
    target: Target,
    until: Instant,
    dialled: AtomicUsize,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    connections: AtomicU64,
    broken: AtomicU64,
    bytes: AtomicU64,
}

impl Field {
    pub(super) fn new(target: Target) -> Self {
        let until = Instant::now() + target.time;
        Self(Arc::new(Inner { target, until, dialled: AtomicUsize::new(0), tally: Tally::default() }))
    }

    pub(super) fn user_api(&self) -> SocketAddr {
        self.0.target.user_api
    }

    pub(super) fn mesh_api(&self) -> SocketAddr {
        self.0.target.mesh_api
    }

    /// One of the two APIs for each attacker, in turn.
    pub(super) fn either_api(&self, attacker: usize) -> SocketAddr {
        if attacker.is_multiple_of(2) { self.user_api() } else { self.mesh_api() }
    }

    /// Lets `attackers` repeat `attempt` until time is up. Each gets its number. That an attempt fails is the victim's
    /// good right.
    pub(super) async fn run<Attempt>(
        &self,
        attackers: usize,
        attempt: impl Fn(Self, usize) -> Attempt + Clone + Send + Sync + 'static,
    ) where
        Attempt: Future<Output = io::Result<()>> + Send,
    {
        let mut crowd = JoinSet::new();
        for attacker in 0..attackers {
            let (field, attempt) = (self.clone(), attempt.clone());
            crowd.spawn(async move {
                let again_and_again = async {
                    while field.0.tally.connections.load(Relaxed) < MOST_CONNECTIONS {
                        if attempt(field.clone(), attacker).await.is_err() {
                            field.0.tally.broken.fetch_add(1, Relaxed);
                        }
                        sleep(PAUSE).await;
                    }
                };
                let _ = timeout_at(field.0.until, again_and_again).await;
            });
        }
        crowd.join_all().await;
    }

    /// A TCP connection.
    pub(super) async fn dial(&self, api: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        let addresses = self.0.target.addresses;
        if addresses > 1 {
            let turn = self.0.dialled.fetch_add(1, Relaxed) % usize::from(addresses);
            let last = u8::try_from(turn).unwrap_or_default().saturating_add(2);
            socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
        }
        let connection = timeout(DIAL, socket.connect(api)).await??;
        connection.set_nodelay(true)?;
        self.0.tally.connections.fetch_add(1, Relaxed);
        Ok(connection)
    }

    /// Takes down what was sent beyond handshakes.
    pub(super) fn sent(&self, bytes: usize) {
        self.0.tally.bytes.fetch_add(bytes as u64, Relaxed);
    }
}

/// What came of it, in words.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { connections, broken, bytes } = &self.0.tally;
        write!(f, "{} connections ({} broken)", connections.load(Relaxed), broken.load(Relaxed))?;
        match bytes.load(Relaxed) {
            0 => Ok(()),
            bytes @ ..1_000_000 => write!(f, ", {} KB", bytes / 1000),
            bytes => write!(f, ", {} MB", bytes / 1_000_000),
        }
    }
}
