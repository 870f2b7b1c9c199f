//! One GET request: its own connection, a time limit, and a limit of length.

use std::{
    io,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{
    Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1,
    header::{HOST, HeaderMap, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{FetchError, authorities, retry::retry_after};

/// Asks web servers.
#[derive(Default)]
pub(super) struct Client {
    /// Made when a server is first asked over TLS: a plain proxy needs none.
    tls: OnceLock<Arc<ClientConfig>>,
}

/// An answer with status 200.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// Asks for `url`. An answer of more than `limit` bytes, or one that takes longer than `patience`, is an error.
    pub(super) async fn get(
        &self,
        url: &str,
        limit: usize,
        patience: Duration,
        now: SystemTime,
    ) -> Result<Answer, FetchError> {
        let target = Target::of(url)?;
        let asked = tokio::time::timeout(patience, self.ask(&target, limit, now));
        asked.await.unwrap_or_else(|_| Err(FetchError::TimedOut { host: target.name(), after: patience }))
    }

    async fn ask(&self, target: &Target, limit: usize, now: SystemTime) -> Result<Answer, FetchError> {
        let broken = |source| FetchError::Connection { host: target.name(), source: Arc::new(source) };
        let tcp = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(broken)?;
        if !target.tls {
            return target.get(tcp, limit, now).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| FetchError::Url { url: target.uri.to_string() })?;
        let tls = TlsConnector::from(self.tls()?).connect(name, tcp).await.map_err(broken)?;
        target.get(tls, limit, now).await
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, FetchError> {
        match self.tls.get() {
            Some(config) => Ok(Arc::clone(config)),
            None => {
                let config = authorities::client_config()?;
                Ok(Arc::clone(self.tls.get_or_init(|| config)))
            }
        }
    }
}

struct Target {
    uri: Uri,
    tls: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

impl Target {
    fn of(url: &str) -> Result<Self, FetchError> {
        let no_address = || FetchError::Url { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| no_address())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(no_address()),
        };
        let host = uri.host().ok_or_else(no_address)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { uri, tls, host, port })
    }

    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    async fn get<IO>(&self, io: IO, limit: usize, now: SystemTime) -> Result<Answer, FetchError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |source| FetchError::Http { host: self.name(), source: Arc::new(source) };
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::get(path)
            .header(HOST, authority)
            .header(USER_AGENT, concat!("contrast/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|_| FetchError::Url { url: self.uri.to_string() })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(broken)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            if head.status != StatusCode::OK {
                let after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                return Err(FetchError::Status {
                    host: self.name(),
                    status: head.status.as_u16(),
                    retry_after: after.and_then(|value| retry_after(value, now)),
                });
            }
            let body = Limited::new(body, limit).collect().await;
            let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
                Ok(source) => FetchError::Http { host: self.name(), source: Arc::new(*source) },
                Err(error) if error.is::<LengthLimitError>() => {
                    FetchError::TooLong { host: self.name(), limit }
                }
                Err(error) => {
                    FetchError::Connection { host: self.name(), source: Arc::new(io::Error::other(error)) }
                }
            })?;
            Ok(Answer { headers: head.headers, body: body.to_bytes().to_vec() })
        };
        // The connection is driven next to the exchange, and dropped with it: no task outlives the request.
        tokio::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            // The server closed the connection, or broke it: what came so far decides.
            _ = connection => exchange.await,
        }
    }
}

#[cfg(test)]
mod tests;
