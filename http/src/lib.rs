//! Asks web servers over HTTP/1.1: one connection for each request, over TLS where the URL says so.
//!
//! Servers are known by the machine's authorities. Nothing is followed, kept or repeated unasked: what an answer means is
//! for the caller to say.

mod answer;
mod authorities;
mod error;
mod percent;
mod proxy;
mod retry_after;
mod target;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

pub use answer::Answer;
use authorities::client_config;
pub use authorities::machine_authorities;
pub use error::{HttpError, NoAuthorities};
use http_body_util::Full;
pub use hyper::{Method, StatusCode, body::Bytes, header};
use hyper::{
    Request,
    header::{HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT},
};
pub use percent::percent_decoded;
pub use proxy::{Proxies, ProxyError};
pub use retry_after::retry_after;
use rustls::{ClientConfig, pki_types::ServerName};
pub use target::Target;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Asks web servers.
#[derive(Default)]
pub struct Client {
    /// Made when a server is first asked over TLS: plain ones need none.
    tls: OnceLock<Arc<ClientConfig>>,
    proxies: Proxies,
}

/// Which addresses a server may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Addresses {
    /// Any.
    Any,
    /// Only such as anybody on the Internet can reach: for names that a stranger gave. Through a proxy, which resolves
    /// names itself, this is known only of servers that are named by their address.
    Public,
}

impl Client {
    /// A client that asks through proxies.
    #[must_use]
    pub fn through(proxies: Proxies) -> Self {
        Self { tls: OnceLock::new(), proxies }
    }

    /// Sends one request, and waits for the head of the answer, whatever its status is. `Host` and `User-Agent` are added.
    ///
    /// Sets no limit of time: [`tokio::time::timeout`] does, and dropping the answer ends the connection.
    ///
    /// # Errors
    /// If there is no connection to the server, or if what it sends is not HTTP.
    pub async fn send(
        &self,
        method: Method,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
        addresses: Addresses,
    ) -> Result<Answer, HttpError> {
        let refused = || HttpError::Url { url: target.to_string() };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.path().parse().map_err(|_| refused())?;
        *request.headers_mut() = headers;
        let agent = HeaderValue::from_static(concat!("contrast/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let host = HeaderValue::from_str(target.authority()).map_err(|_| refused())?;
        request.headers_mut().insert(HOST, host);

        let broken = |source| HttpError::Connection { host: target.name(), source: Arc::new(source) };
        let proxy = self.proxies.to(target);
        let (mut tcp, peer) = match proxy {
            Some(proxy) => {
                check_literal(target, addresses)?;
                (dial(&proxy.target, Addresses::Any).await?, None)
            }
            None => {
                let tcp = dial(target, addresses).await?;
                let peer = tcp.peer_addr().map_err(broken)?.ip();
                (tcp, Some(peer))
            }
        };
        if !target.is_tls() {
            if let Some(proxy) = proxy {
                *request.uri_mut() = target.to_string().parse().map_err(|_| refused())?;
                if let Some(value) = &proxy.authorization {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, value.clone());
                }
            }
            return Answer::to(request, tcp, target.name(), peer).await;
        }
        if let Some(proxy) = proxy {
            proxy.connect(&mut tcp, target).await?;
        }
        let name = ServerName::try_from(target.host().to_owned()).map_err(|_| refused())?;
        let tls = TlsConnector::from(self.tls()?).connect(name, tcp).await.map_err(broken)?;
        Answer::to(request, tls, target.name(), peer).await
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, HttpError> {
        match self.tls.get() {
            Some(config) => Ok(Arc::clone(config)),
            None => {
                let config = client_config()?;
                Ok(Arc::clone(self.tls.get_or_init(|| config)))
            }
        }
    }
}

/// Connects to the first address that answers and is allowed. The name is resolved once, so that it cannot mean
/// something else between the check and the connection.
async fn dial(target: &Target, addresses: Addresses) -> Result<TcpStream, HttpError> {
    let broken = |source| HttpError::Connection { host: target.name(), source: Arc::new(source) };
    let found = tokio::net::lookup_host((target.host(), target.port())).await.map_err(broken)?;
    let allowed: Vec<SocketAddr> =
        found.filter(|address| addresses == Addresses::Any || is_public(address.ip())).collect();
    if allowed.is_empty() && addresses == Addresses::Public {
        return Err(HttpError::LocalAddress { host: target.name() });
    }
    TcpStream::connect(allowed.as_slice()).await.map_err(broken)
}

/// What is known of a server that a proxy connects to.
fn check_literal(target: &Target, addresses: Addresses) -> Result<(), HttpError> {
    let local = target.host().parse().is_ok_and(|address| !is_public(address))
        || target.host().eq_ignore_ascii_case("localhost");
    match addresses {
        Addresses::Public if local => Err(HttpError::LocalAddress { host: target.name() }),
        Addresses::Public | Addresses::Any => Ok(()),
    }
}

/// Can anybody on the Internet reach it? (IANA's special-purpose address registries.)
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_documentation()
                || a == 0
                || a >= 240
                // Shared by carriers; benchmarks; protocol assignments.
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
                || (a == 192 && b == 0 && c == 0))
        }
        // Of the rest, only 2000::/3 is assigned; in it, 2001:db8::/32 is for documentation, and 2002::/16 and
        // 2001::/32 carry IPv4 addresses of any kind.
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            first & 0xE000 == 0x2000 && first != 0x2002 && !(first == 0x2001 && matches!(second, 0 | 0x0DB8))
        }
    }
}

#[cfg(test)]
mod tests;
