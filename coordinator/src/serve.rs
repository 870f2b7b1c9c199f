//! Opens the store, starts the three APIs, and runs until a signal.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use contrast_attestation::{
    AttestError, EvidenceType,
    collateral::{Collaterals, Sources, SourcesError},
    detect_with,
};
use contrast_service_mesh::{default_deny, tool::ToolError};
use contrast_store::{SledBackend, StoreError};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    answers::Answers,
    authority::{Authority, Phase},
    grpc::Api,
    initial_owners::InitialOwners,
    listener::{Clients, Crowds, Door, Entrance},
    mesh_api::{MeshCalls, MeshService},
    metrics::Metrics,
    ops_api::{self, Ops},
    options::ServeOptions,
    process,
    refusal::Refusal,
    sockets,
    state_device::{self, Mounted, StateDeviceError},
    user_api::UserService,
    user_calls::UserCalls,
    workers::{WorkerError, on_each_core},
};

const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);
/// How often old connections are looked for.
const ROUND: Duration = Duration::from_secs(5);

/// Why the program stops.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The collateral bundle cannot be used.
    #[error("{0}; make a bundle with `contrast collateral fetch`")]
    Collateral(#[from] SourcesError),
    /// There is nothing that makes evidence.
    #[error(transparent)]
    Attester(#[from] AttestError),
    /// The guest closes the network by a rule that this program could not take away.
    #[error(
        "the guest's rule against incoming connections cannot be removed, so that nobody reaches the Coordinator: {0}"
    )]
    DefaultDeny(#[source] ToolError),
    /// The state device cannot be used.
    #[error(transparent)]
    StateDevice(#[from] StateDeviceError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store was opened, but is of no use.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for the {api} ({source}); choose another address with --{option}")]
    Listen {
        /// Name of the API.
        api: &'static str,
        /// The address.
        address: SocketAddr,
        /// The option that sets it.
        option: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused something that every program may ask for.
    #[error("the operating system refused to {what} ({source})")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A thread that serves could not be started, or crashed.
    #[error("{0}; restart the Coordinator")]
    Worker(#[from] WorkerError),
    /// The metrics could not be registered.
    #[error("the metrics could not be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or an API ends by itself.
pub async fn serve(options: ServeOptions) -> Result<(), ServeError> {
    process::forbid_core_dumps().map_err(system("switch core dumps off"))?;
    process::allow_many_connections().map_err(system("raise the limit of open files"))?;
    if options.open_network.is_some_and(|value| !value.is_empty()) {
        let removed = default_deny::remove().map_err(ServeError::DefaultDeny)?;
        tracing::info!(removed, "the pod's network is open");
    }
    let (collaterals, refresher) =
        Sources { bundle: options.collateral, proxy: options.collateral_proxy, ..Sources::default() }
            .open()?;
    if let Some(refresher) = refresher {
        tokio::spawn(async move { refresher.run().await });
    }
    let attester = detect_with(options.attester, Arc::new(collaterals.clone()))?;
    if attester.evidence_type() == EvidenceType::Simulated {
        tracing::warn!("running on SIMULATED hardware: nothing is confidential");
    }
    let initial_owners = options.initial_owners.as_ref().map(ToString::to_string);
    if let Some(device) = options.state_device {
        mount(device, options.state_dir.clone()).await?;
    }
    let authority = open(options.state_dir.clone(), collaterals, options.initial_owners).await?;
    match (authority.phase(), initial_owners) {
        (Phase::Uninitialised, Some(owners)) => {
            tracing::info!(owners, "one of these has to set the first manifest")
        }
        (Phase::Uninitialised, None) => {
            tracing::warn!("anybody may set the first manifest: CONTRAST_INITIAL_OWNERS is not set")
        }
        _ => {}
    }
    let metrics = Arc::new(Metrics::new()?);
    let listen = |api, address, option| {
        sockets::listen(address).map_err(|source| ServeError::Listen { api, address, option, source })
    };
    let user_tcp = listen("user API", options.user_api_addr, "user-api-addr")?;
    let mesh_tcp = listen("mesh API", options.mesh_api_addr, "mesh-api-addr")?;
    let ops_tcp = listen("ops API", options.ops_addr, "ops-addr")?;
    log_start(&authority, &options.state_dir, [&user_tcp, &mesh_tcp, &ops_tcp]);

    let stopping = stop_signal()?;
    let (crowds, answers) = (Crowds::new(), Arc::new(Answers::default()));
    let door = Door::new(attester, Arc::clone(&authority), crowds.clone());
    let user_service = UserService::new(Arc::clone(&authority), Arc::clone(&metrics), Handle::current());
    let user_calls = UserCalls::new(user_service, Arc::clone(&answers));
    let user_api = Entrance::new(user_tcp, door.clone(), Clients::Anybody, user_calls).map_err(unshared)?;
    let mesh_service = MeshService::new(
        Arc::clone(&authority),
        Arc::clone(&metrics),
        Handle::current(),
        options.peer_recovery,
    );
    let mesh_api =
        Entrance::new(mesh_tcp, door, Clients::Pods, MeshCalls::new(mesh_service)).map_err(unshared)?;
    let serving = stopping.clone();
    let grpc = on_each_core(move || serve_grpc(user_api, mesh_api, serving));
    let ops = Ops {
        authority,
        metrics: (options.metrics || std::env::var_os("CONTRAST_METRICS").is_some()).then_some(metrics),
    };
    tokio::spawn(async move { answers.watch().await });
    tokio::spawn(async move {
        let mut rounds = tokio::time::interval(ROUND);
        loop {
            rounds.tick().await;
            crowds.cut_old();
        }
    });
    let ops = ops_api::serve(ops_tcp, ops_api::router(ops), stopping.clone());
    let all = async { tokio::join!(grpc, ops).0 };
    let out_of_patience = async {
        stopped(&stopping).await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        result = all => { result?; }
        () = out_of_patience => tracing::warn!("some connections did not end in time; stopping anyway"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Serves both gRPC APIs on this thread, until it is to stop.
async fn serve_grpc<U: Api, M: Api>(
    user_api: Entrance<U>,
    mesh_api: Entrance<M>,
    stopping: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let user = user_api.serve(stopping.clone()).map_err(unshared)?;
    let mesh = mesh_api.serve(stopping).map_err(unshared)?;
    tokio::join!(user, mesh);
    Ok(())
}

async fn mount(device: PathBuf, at: PathBuf) -> Result<(), ServeError> {
    let (source, target) = (device.clone(), at.clone());
    let mounting = tokio::task::spawn_blocking(move || state_device::mount(&source, &target));
    let how = match mounting.await.map_err(|_| Refusal::Interrupted)?? {
        Mounted::Before => "the state device is mounted already",
        Mounted::Again => "mounted the state device",
        Mounted::FirstTime => "formatted and mounted the state device, which was empty",
    };
    tracing::info!(device = %device.display(), state_dir = %at.display(), "{how}");
    Ok(())
}

async fn open(
    state_dir: PathBuf,
    collaterals: Collaterals,
    initial_owners: Option<InitialOwners>,
) -> Result<Arc<Authority>, ServeError> {
    let opened = tokio::task::spawn_blocking(move || contrast_store::open(SledBackend::open(&state_dir)?));
    Ok(Authority::new(opened.await.map_err(|_| Refusal::Interrupted)??, collaterals, initial_owners)?)
}

/// The addresses are logged as bound, so that port 0 is of use.
fn log_start(authority: &Authority, state_dir: &Path, listeners: [&TcpListener; 3]) {
    let [user_api, mesh_api, ops] =
        listeners.map(|l| l.local_addr().map(|a| a.to_string()).unwrap_or_default());
    let phase = match authority.phase() {
        Phase::Uninitialised => "uninitialised: waiting for `contrast set`",
        Phase::Locked(_) => "locked: waiting for `contrast recover`",
        Phase::Active(_) => "active",
    };
    tracing::info!(user_api, mesh_api, ops, state_dir = %state_dir.display(), phase, "serving");
}

/// Turns true on SIGTERM or SIGINT.
fn stop_signal() -> Result<watch::Receiver<bool>, ServeError> {
    let (stop, stopping) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(system("listen for SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system("listen for SIGINT"))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.send_replace(true);
        // Keeps the sender, and with it the answer, alive.
        stop.closed().await;
    });
    Ok(stopping)
}

fn stopped(stopping: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut stopping = stopping.clone();
    async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    }
}

fn unshared(source: io::Error) -> ServeError {
    system("share a listening socket between threads")(source)
}

fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> ServeError {
    move |source| ServeError::System { what, source: source.into() }
}
