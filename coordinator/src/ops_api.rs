//! The ops API: probes and metrics over plain HTTP, for Kubernetes and Prometheus.
//!
//! Everything that it says is public. A probe's body says in words what the status code means.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};

use crate::{
    authority::{Authority, Phase},
    metrics::Metrics,
};

/// What the handlers look at. Cheap to clone.
#[derive(Clone)]
pub struct Ops {
    /// Tells whether the Coordinator serves.
    pub authority: Arc<Authority>,
    /// What `/metrics` shows; `None`: it is switched off.
    pub metrics: Option<Arc<Metrics>>,
    /// Set once both gRPC APIs listen.
    pub listening: Arc<AtomicBool>,
}

/// The routes of the ops API.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/probe/startup", get(started))
        .route("/probe/liveness", get(started))
        .route("/probe/readiness", get(ready))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

async fn started(State(ops): State<Ops>) -> (StatusCode, &'static str) {
    if ops.listening.load(Ordering::Acquire) {
        (StatusCode::OK, "the user API and the mesh API are listening\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the APIs are not listening yet\n")
    }
}

async fn ready(State(ops): State<Ops>) -> (StatusCode, &'static str) {
    match ops.authority.phase() {
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
        Some(metrics) => match metrics.render() {
            Ok(text) => (StatusCode::OK, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        },
    };
    (status, [(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
