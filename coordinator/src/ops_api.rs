//! The ops API: probes, metrics and the mesh CA over plain HTTP, for Kubernetes, Prometheus and pods that renew certificates.
//!
//! Everything that it says is public. A probe's body says in words what the status code means.

use std::{pin::pin, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tonic::codegen::Service;

use crate::{
    authority::{Active, Authority, Phase},
    crowd::{Crowd, First, Place, Visitor},
    limits::{OPS_BUFFER, OPS_CONNECTIONS, OPS_HEADERS_TIMEOUT},
    listener::pause_after,
    metrics::Metrics,
};

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
        .route("/mesh-ca.pem", get(mesh_ca))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

/// Accepts and serves until it is told to stop, and lets the requests end that were begun.
pub async fn serve(tcp: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let crowd = Crowd::new(OPS_CONNECTIONS, First::OfMany);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = tcp.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((tcp, remote)) => {
                let visitor = Visitor::new(remote.ip());
                let place = crowd.admit(&visitor);
                connections.spawn(converse(tcp, router.clone(), visitor, place, stopping.clone()));
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(tcp);
    while connections.join_next().await.is_some() {}
}

/// Answers the requests on one connection.
async fn converse(
    tcp: TcpStream,
    router: Router,
    visitor: Arc<Visitor>,
    _place: Place,
    mut stopping: watch::Receiver<bool>,
) {
    let requests = service_fn(move |request: hyper::Request<Incoming>| router.clone().call(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(OPS_HEADERS_TIMEOUT)
        .max_buf_size(OPS_BUFFER)
        .serve_connection(TokioIo::new(tcp), requests);
    let mut connection = pin!(connection);
    // How a connection ends is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = visitor.is_cut() => return,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = visitor.is_cut() => {}
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
    match serving(&ops) {
        Ok(_) => (StatusCode::OK, "serving\n"),
        Err(why) => why,
    }
}

/// The mesh CA of now. Pods see by it that theirs has been replaced, without a report of either side: whoever lies to them
/// here makes them ask for a certificate, or keeps them from it, as everybody can who is between.
async fn mesh_ca(State(ops): State<Ops>) -> Response {
    match serving(&ops) {
        Ok(active) => ([(CONTENT_TYPE, "application/x-pem-file")], active.ca.certificates().mesh_ca.clone())
            .into_response(),
        Err(why) => why.into_response(),
    }
}

/// What is served from; a sentence if nothing is.
fn serving(ops: &Ops) -> Result<Arc<Active>, (StatusCode, &'static str)> {
    match ops.authority.phase() {
        _ if ops.authority.is_broken() => Err(BROKEN),
        Phase::Active(active) => Ok(active),
        Phase::Uninitialised => {
            Err((StatusCode::SERVICE_UNAVAILABLE, "no manifest was set yet: run `contrast set`\n"))
        }
        Phase::Locked(_) => {
            Err((StatusCode::SERVICE_UNAVAILABLE, "locked after a restart: run `contrast recover`\n"))
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
