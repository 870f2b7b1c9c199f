//! Listening, and ending in order.

use std::{io, net::SocketAddr};

use axum::{Router, routing::get};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Why a service ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({source}); choose another address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Anything else that every program may ask for.
    #[error("the operating system refused a service that every program needs ({0})")]
    System(#[from] io::Error),
}

/// A service that is being started.
pub(crate) struct Shop {
    stopping: watch::Receiver<bool>,
    health: TcpListener,
}

impl Shop {
    /// Takes the health address, and listens for SIGTERM and SIGINT.
    pub(crate) async fn open(health: SocketAddr) -> Result<Self, ServeError> {
        let (stop, stopping) = watch::channel(false);
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.send_replace(true);
            stop.closed().await;
        });
        Ok(Self { stopping, health: listen(health).await? })
    }

    /// Serves until a signal; requests that were begun are answered.
    pub(crate) async fn serve(self, address: SocketAddr, router: Router) -> Result<(), ServeError> {
        let listener = listen(address).await?;
        tracing::info!(address = %listener.local_addr()?, health = %self.health.local_addr()?, "serving");
        let stopping = self.stopping.clone();
        // It answers only now, so that an answer means: ready.
        tokio::spawn(serve_health(self.health));
        Ok(axum::serve(listener, router).with_graceful_shutdown(stopped(stopping)).await?)
    }

    /// Goes on with a work that has no end, until a signal.
    pub(crate) async fn send(self, work: impl Future<Output = ()>) -> Result<(), ServeError> {
        tracing::info!(health = %self.health.local_addr()?, "visiting");
        tokio::spawn(serve_health(self.health));
        tokio::select! {
            () = work => {}
            () = stopped(self.stopping) => {}
        }
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

async fn serve_health(listener: TcpListener) {
    let router = Router::new().route("/healthz", get(async || "well\n"));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::warn!(%error, "nobody can ask any more whether this service is well");
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
