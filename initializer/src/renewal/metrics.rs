//! The record of renewals over HTTP, for Prometheus.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{
    Request, Response, body::Incoming, header::CONTENT_TYPE, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::Semaphore};

use super::Record;

/// How many may ask at the same time. Further ones wait.
const AT_ONCE: usize = 4;
/// Room for what a connection asks, in bytes: anybody may, and the container is small.
const LONGEST: usize = 8 * 1024;
/// How long a connection may last.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nobody is let in after that failed.
const RESPITE: Duration = Duration::from_millis(100);

/// Answers every request with the record, as long as the program runs.
///
/// # Errors
/// If somebody else has the port.
pub(crate) async fn serve(address: SocketAddr, record: Arc<Record>) -> io::Result<()> {
    let listener = listen(address).await?;
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                // Whoever hangs up at once is nobody; files that are used up come back with time.
                tokio::time::sleep(RESPITE).await;
                continue;
            };
            let record = Arc::clone(&record);
            tokio::spawn(async move {
                let _place = place;
                let answer = service_fn(move |_: Request<Incoming>| {
                    let answer = Response::builder()
                        .header(CONTENT_TYPE, "text/plain; version=0.0.4")
                        .body(record.text());
                    async move { Ok::<_, Infallible>(answer.unwrap_or_default()) }
                });
                let connection = http1::Builder::new()
                    .keep_alive(false)
                    .max_buf_size(LONGEST)
                    .serve_connection(TokioIo::new(stream), answer);
                let _ = tokio::time::timeout(PATIENCE, connection).await;
            });
        }
    });
    Ok(())
}

/// `[::]` means all addresses of both families, also where the kernel has only one.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        listener => listener,
    }
}
