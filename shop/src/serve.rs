//! Listening, and ending in order.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

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
    let mut listener = TcpListener::bind(address).await;
    let is_anywhere = address.ip() == Ipv6Addr::UNSPECIFIED;
    if listener.as_ref().is_err_and(|error| is_anywhere && error.kind() != io::ErrorKind::AddrInUse) {
        // A kernel without IPv6.
        listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await;
    }
    listener.map_err(|source| ServeError::Listen { address, source })
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn by_default_a_service_is_reached_over_ipv4_and_ipv6() {
        let listener = listen((Ipv6Addr::UNSPECIFIED, 0).into()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "::1"] {
            TcpStream::connect((host, port)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_that_somebody_has_in_one_family_is_taken() {
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = other.local_addr().unwrap().port();
        let error = listen((Ipv6Addr::UNSPECIFIED, port).into()).await.unwrap_err();
        assert!(error.to_string().contains(&format!("[::]:{port}")), "{error}");
    }
}
