//! What a server answers, read as it comes.

use std::{net::IpAddr, pin::Pin, sync::Arc};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::HeaderMap,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::HttpError;

/// The head of an answer, and its body as it comes.
pub struct Answer {
    /// Whatever the server says.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The address of the server; unknown if a proxy was between.
    pub peer: Option<IpAddr>,
    host: String,
    body: Incoming,
    /// Driven next to whoever reads, and dropped with the answer: no task outlives it. Nothing when it has ended.
    connection: Option<Connection>,
}

type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Answer {
    /// Sends `request` over a new connection.
    pub(crate) async fn to<IO>(
        request: Request<Full<Bytes>>,
        io: IO,
        host: String,
        peer: Option<IpAddr>,
    ) -> Result<Self, HttpError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |source| HttpError::Http { host: host.clone(), source: Arc::new(source) };
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(broken)?;
        let mut connection: Connection = Box::pin(async move {
            // What is wrong with it is said to whoever reads.
            let _ = connection.await;
        });
        let response = sender.send_request(request);
        tokio::pin!(response);
        let (response, connection) = tokio::select! {
            response = &mut response => (response, Some(connection)),
            // The server closed the connection, or broke it: what came so far decides.
            () = &mut connection => (response.await, None),
        };
        let (head, body) = response.map_err(broken)?.into_parts();
        Ok(Self { status: head.status, headers: head.headers, peer, host, body, connection })
    }

    /// The next part of the body; nothing at its end.
    ///
    /// # Errors
    /// If the body ends before it should.
    pub async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = self.body.frame();
            let frame = match &mut self.connection {
                None => frame.await,
                Some(connection) => {
                    tokio::pin!(frame);
                    tokio::select! {
                        biased;
                        frame = &mut frame => frame,
                        () = connection => {
                            self.connection = None;
                            frame.await
                        }
                    }
                }
            };
            match frame {
                None => return Ok(None),
                Some(Err(source)) => {
                    return Err(HttpError::Http { host: self.host.clone(), source: Arc::new(source) });
                }
                // Trailers are nothing to anybody here.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => continue,
                },
            }
        }
    }

    /// All of the body, if it has no more than `limit` bytes.
    ///
    /// # Errors
    /// If it has more, or ends before it should.
    pub async fn read(&mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        while let Some(part) = self.next().await? {
            if part.len() > limit - bytes.len() {
                return Err(HttpError::TooLong { host: self.host.clone(), limit });
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }
}
