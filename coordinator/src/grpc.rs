//! One of the two APIs that speak gRPC over attested TLS, as each thread serves it.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tonic::{
    body::Body,
    codegen::http::{Request, Response},
    server::NamedService,
    transport::{self, Server},
};
use tower::{Service, limit::GlobalConcurrencyLimitLayer};

use crate::listener::Entrance;

const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Clients connect for one or two calls; whoever stays longer is asked to connect again.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);
/// After that the connection is cut, also in the middle of a call.
const MAX_CONNECTION_AGE_GRACE: Duration = Duration::from_secs(300);
/// Most requests in the making at one time, for each API: together with the largest size of one, a bound on memory.
const MAX_REQUESTS: usize = 32;
/// Longest time from the first byte of a request to the first of its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// What tonic generates for a service.
pub trait GrpcService:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + NamedService
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> GrpcService for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// An API for any number of threads. Cheap to clone; what it bounds, it bounds for all of them.
#[derive(Clone)]
pub struct GrpcApi<Service> {
    entrance: Entrance,
    service: Service,
    requests: Arc<Semaphore>,
}

impl<S: GrpcService> GrpcApi<S> {
    /// `service` for those who come in by `entrance`.
    #[must_use]
    pub fn new(entrance: Entrance, service: S) -> Self {
        Self { entrance, service, requests: Arc::new(Semaphore::new(MAX_REQUESTS)) }
    }

    /// Takes connections on this thread's runtime, and serves them until it is `stopped`.
    ///
    /// # Errors
    /// When the operating system cannot watch one more socket; later, what the library says.
    pub fn serve(
        self,
        stopped: impl Future<Output = ()>,
    ) -> io::Result<impl Future<Output = Result<(), transport::Error>>> {
        let connections = self.entrance.open()?;
        Ok(Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_connection_age(MAX_CONNECTION_AGE)
            .max_connection_age_grace(MAX_CONNECTION_AGE_GRACE)
            .max_concurrent_streams(8)
            .timeout(REQUEST_TIMEOUT)
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(self.requests))
            .add_service(self.service)
            .serve_with_incoming_shutdown(connections, stopped))
    }
}
