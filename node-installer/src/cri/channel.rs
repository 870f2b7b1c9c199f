//! gRPC over one connection to a Unix socket.

use std::{
    io,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;
use tonic::{
    body::Body,
    codegen::{
        Service,
        http::{
            Request, Response,
            uri::{Authority, Scheme, Uri},
        },
    },
};

/// Carries calls over one connection.
#[derive(Clone)]
pub(super) struct Channel {
    requests: http2::SendRequest<Body>,
}

impl Channel {
    pub(super) async fn connect(socket: &Path) -> io::Result<Self> {
        let stream = TokioIo::new(UnixStream::connect(socket).await?);
        let (requests, connection) =
            http2::Builder::new(TokioExecutor::new()).handshake(stream).await.map_err(io::Error::other)?;
        // It ends with the channel; what ends it before is told to whoever calls.
        tokio::spawn(connection);
        Ok(Self { requests })
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // HTTP/2 wants to know a scheme and a name of the server; on a socket of the machine they mean nothing.
        let mut target = request.uri().clone().into_parts();
        target.scheme = Some(Scheme::HTTP);
        target.authority = Some(Authority::from_static("localhost"));
        if let Ok(target) = Uri::from_parts(target) {
            *request.uri_mut() = target;
        }
        Box::pin(self.requests.send_request(request))
    }
}
