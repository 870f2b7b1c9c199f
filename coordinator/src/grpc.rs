//! gRPC on one attested connection.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;
use tonic::{
    body::Body,
    codegen::http::{Request, Response},
};

use crate::{
    chatter::Chatter,
    limits,
    listener::{ConnectionInfo, Stream},
};

const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Calls that a client took back before they were begun, and faults of its streams, until the connection is closed.
const FAULTS: usize = 16;

/// One of the two APIs. It sees a call before its body is read, and decides how much of that it wants to see. Cheap to
/// clone.
pub trait Api: Clone + Send + Sync + 'static {
    /// Answers a call of the client that `info` describes.
    fn call(
        &self,
        info: Arc<ConnectionInfo>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Answers the calls on one connection until its client ends it, or it has to be cut, or until the last call has ended
/// after the program was told to stop.
pub async fn serve(
    stream: Stream,
    api: impl Api,
    info: Arc<ConnectionInfo>,
    mut stopping: watch::Receiver<bool>,
) {
    let visitor = Arc::clone(&info.visitor);
    let calls = service_fn(move |request| {
        let (api, info) = (api.clone(), Arc::clone(&info));
        async move {
            let visitor = Arc::clone(&info.visitor);
            let answer = api.call(info, request).await;
            visitor.is_answered();
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .max_concurrent_streams(limits::STREAMS)
        .initial_connection_window_size(limits::WINDOW)
        .initial_stream_window_size(limits::WINDOW)
        .max_header_list_size(limits::HEADERS)
        .max_send_buf_size(limits::SEND_BUFFER)
        .max_pending_accept_reset_streams(FAULTS)
        .max_local_error_reset_streams(FAULTS)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(Chatter::new(stream, Arc::clone(&visitor))), calls);
    let mut connection = pin!(connection);
    // How a connection ends is the client's affair, and nothing is lost that the calls have not told.
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
