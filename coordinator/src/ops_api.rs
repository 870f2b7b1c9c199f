//! The ops API: probes and metrics over plain HTTP, for Kubernetes and Prometheus.
//!
//! Everything that it says is public. A probe's body says in words what the status code means.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
    serve::Listener,
};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    authority::{Authority, Phase},
    crowd::{Crowd, Member},
    metrics::Metrics,
};

/// Most connections at one time. Kubernetes and Prometheus need one each.
const MAX_CONNECTIONS: usize = 64;

/// What the handlers look at. Cheap to clone.
#[derive(Clone)]
pub struct Ops {
    /// Tells whether the Coordinator serves.
    pub authority: Arc<Authority>,
    /// What `/metrics` shows; `None`: it is switched off.
    pub metrics: Option<Arc<Metrics>>,
}

/// The routes of the ops API. It is served only when both gRPC APIs listen, so that any answer means: started.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/probe/startup", get(started))
        .route("/probe/liveness", get(alive))
        .route("/probe/readiness", get(ready))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

/// Accepts connections and bounds their number.
pub struct OpsListener {
    tcp: TcpListener,
    crowd: Crowd,
}

impl OpsListener {
    /// Accepts what comes in on `tcp`.
    #[must_use]
    pub fn new(tcp: TcpListener) -> Self {
        Self { tcp, crowd: Crowd::new(MAX_CONNECTIONS) }
    }
}

impl Listener for OpsListener {
    type Io = Member<TcpStream, ()>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, remote) = Listener::accept(&mut self.tcp).await;
        (self.crowd.admit(stream, ()), remote)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

async fn started() -> &'static str {
    "the user API and the mesh API are listening\n"
}

/// Kubernetes restarts what is not alive.
const BROKEN: (StatusCode, &str) =
    (StatusCode::SERVICE_UNAVAILABLE, "the store failed and could not be opened anew; a restart is needed\n");

async fn alive(State(ops): State<Ops>) -> (StatusCode, &'static str) {
    if ops.authority.is_broken() { BROKEN } else { (StatusCode::OK, "alive\n") }
}

async fn ready(State(ops): State<Ops>) -> (StatusCode, &'static str) {
    match ops.authority.phase() {
        _ if ops.authority.is_broken() => BROKEN,
        Phase::Active(_) => (StatusCode::OK, "serving\n"),
        Phase::Uninitialised => {
            (StatusCode::SERVICE_UNAVAILABLE, "no manifest was set yet: run `contrast set`\n")
        }
        Phase::Locked(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "locked after a restart: run `contrast recover`\n")
        }
    }
}

async fn metrics(State(ops): State<Ops>) -> impl IntoResponse {
    let (status, text) = match &ops.metrics {
        None => (
            StatusCode::NOT_FOUND,
            "metrics are off: start with CONTRAST_METRICS=1 or --metrics\n".to_owned(),
        ),
        Some(metrics) => match metrics.render(manifests(&ops.authority)) {
            Ok(text) => (StatusCode::OK, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        },
    };
    (status, [(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

fn manifests(authority: &Authority) -> u64 {
    match authority.phase() {
        Phase::Active(active) => active.state.manifests,
        Phase::Uninitialised | Phase::Locked(_) => 0,
    }
}
