//! Proxies on the way to a server, as the environment names them: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.
//!
//! In the manner of curl and Go: lower case wins, this machine is never asked through a proxy, and names in `NO_PROXY`
//! stand for themselves and everything below them.

use std::{env, net::IpAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::HeaderValue;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Addresses, HttpError, Target, dial, percent::percent_decoded};

/// Which server is asked through which proxy.
#[derive(Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Direct>,
    /// Goes before all others, whatever the server is.
    only: Option<Proxy>,
}

/// One proxy. Shows its password nowhere.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) target: Target,
    /// `Proxy-Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
}

/// Why the environment names no proxy that can be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{variable} names no proxy that can be used; write http://HOST:PORT, with user and password before the host if need be"
)]
pub struct ProxyError {
    /// The environment variable, or what else named it.
    pub variable: &'static str,
}

/// An entry of `NO_PROXY`.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Direct {
    Everything,
    /// Without a dot at its start.
    Name {
        name: String,
        port: Option<u16>,
    },
    Network {
        address: IpAddr,
        bits: u8,
    },
}

/// Answers to CONNECT are shorter.
const MAX_HEAD: usize = 16 << 10;

impl Proxies {
    /// What the environment says now.
    ///
    /// # Errors
    /// If a variable is set to something else than the URL of a proxy.
    pub fn of_environment() -> Result<Self, ProxyError> {
        let value = |names: [&str; 2]| names.iter().find_map(|name| env::var(name).ok());
        Self::of(
            value(["http_proxy", "HTTP_PROXY"]).as_deref(),
            value(["https_proxy", "HTTPS_PROXY"]).as_deref(),
            value(["no_proxy", "NO_PROXY"]).as_deref(),
        )
    }

    pub(crate) fn of(http: Option<&str>, https: Option<&str>, no: Option<&str>) -> Result<Self, ProxyError> {
        Ok(Self {
            http: Proxy::parse(http, "HTTP_PROXY")?,
            https: Proxy::parse(https, "HTTPS_PROXY")?,
            direct: no.unwrap_or_default().split([',', ' ']).filter_map(Direct::parse).collect(),
            only: None,
        })
    }

    /// One proxy for every server, this machine included, whatever the environment says. `named_by` says in an error who
    /// named it.
    ///
    /// # Errors
    /// If it is something else than the URL of a proxy.
    pub fn only(url: &str, named_by: &'static str) -> Result<Self, ProxyError> {
        let only = Proxy::parse(Some(url), named_by)?;
        if only.is_some() {
            Ok(Self { only, ..Self::default() })
        } else {
            Err(ProxyError { variable: named_by })
        }
    }

    /// A connection to a server, through its proxy if it has one. Nothing is said on it yet: TLS is for the caller.
    ///
    /// Sets no limit of time.
    ///
    /// # Errors
    /// If there is no connection to the server or to the proxy, or if the proxy does not connect.
    pub async fn connect(&self, target: &Target) -> Result<TcpStream, HttpError> {
        let Some(proxy) = self.to(target) else { return dial(target, Addresses::Any).await };
        let mut tcp = dial(&proxy.target, Addresses::Any).await?;
        proxy.connect(&mut tcp, target).await?;
        Ok(tcp)
    }

    /// The proxy for a server, if there is one.
    pub(crate) fn to(&self, target: &Target) -> Option<&Proxy> {
        if self.only.is_some() {
            return self.only.as_ref();
        }
        let proxy = if target.is_tls() { &self.https } else { &self.http };
        let host = target.host().trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        let here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        let direct = here || self.direct.iter().any(|direct| direct.covers(&host, address, target.port()));
        proxy.as_ref().filter(|_| !direct)
    }
}

impl Proxy {
    fn parse(text: Option<&str>, variable: &'static str) -> Result<Option<Self>, ProxyError> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        let refused = || ProxyError { variable };
        let rest =
            text.split_once("://").map_or(Some(text), |(scheme, rest)| (scheme == "http").then_some(rest));
        let authority = rest.and_then(|rest| rest.split('/').next()).ok_or_else(refused)?;
        let (user, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let authorization = match user {
            Some(user) => {
                let pair = percent_decoded(user.as_bytes()).ok_or_else(refused)?;
                let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
                    .map_err(|_| refused())?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let target = format!("http://{host}/").parse().map_err(|_| refused())?;
        Ok(Some(Self { target, authorization }))
    }

    /// Has the proxy connect to a server, to which TLS is spoken then.
    pub(crate) async fn connect(&self, stream: &mut TcpStream, target: &Target) -> Result<(), HttpError> {
        let refused = |status| HttpError::Proxy { proxy: self.target.name(), host: target.name(), status };
        let host = match target.host() {
            address if address.contains(':') => format!("[{address}]:{}", target.port()),
            name => format!("{name}:{}", target.port()),
        };
        let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            request.extend([b"Proxy-Authorization: ", value.as_bytes(), b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        let io = |_| refused(None);
        stream.write_all(&request).await.map_err(io)?;
        // Byte by byte: what follows the head is the server's.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == MAX_HEAD {
                return Err(refused(None));
            }
            head.push(stream.read_u8().await.map_err(io)?);
        }
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
        let status = match words.as_slice() {
            [version, status, ..] if version.starts_with(b"HTTP/1.") => {
                std::str::from_utf8(status).ok().and_then(|status| status.parse::<u16>().ok())
            }
            _ => None,
        };
        if status.is_some_and(|status| (200..300).contains(&status)) { Ok(()) } else { Err(refused(status)) }
    }
}

impl Direct {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
        if text == "*" {
            return Some(Self::Everything);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok().filter(|bits| *bits <= if address.is_ipv4() { 32 } else { 128 })?;
            return Some(Self::Network { address, bits });
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Self::Network { address, bits: if address.is_ipv4() { 32 } else { 128 } });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (text.as_str(), None),
        };
        let name = name.trim_start_matches('*').trim_start_matches('.').trim_matches(['[', ']']).to_owned();
        (!name.is_empty()).then_some(Self::Name { name, port })
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, at: u16) -> bool {
        match self {
            Self::Everything => true,
            Self::Name { name, port } => {
                let below = host
                    .strip_suffix(name.as_str())
                    .is_some_and(|front| front.is_empty() || front.ends_with('.'));
                below && port.is_none_or(|port| port == at)
            }
            Self::Network { address: network, bits } => match (network, address) {
                (IpAddr::V4(network), Some(IpAddr::V4(address))) => {
                    let different = u64::from(network.to_bits() ^ address.to_bits());
                    different >> (32 - u32::from(*bits)) == 0
                }
                (IpAddr::V6(network), Some(IpAddr::V6(address))) => {
                    let different = network.to_bits() ^ address.to_bits();
                    different.checked_shr(128 - u32::from(*bits)).unwrap_or(0) == 0
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(no: &str) -> Proxies {
        Proxies::of(Some("plain:1"), Some("http://us%40x:p%3Aq@secure.example:3128/"), Some(no)).unwrap()
    }

    #[test]
    fn the_scheme_of_the_url_chooses_the_proxy() {
        let name = |url: &str| proxies("").to(&url.parse().unwrap()).map(|proxy| proxy.target.name());
        assert_eq!(name("http://a.example/").as_deref(), Some("plain:1"));
        assert_eq!(name("https://a.example/").as_deref(), Some("secure.example:3128"));
        let proxies = proxies("");
        let proxy = proxies.to(&"https://a/".parse().unwrap()).unwrap();
        assert_eq!(proxy.authorization.as_ref().unwrap(), &format!("Basic {}", STANDARD.encode("us@x:p:q")));
        assert!(Proxies::default().to(&"https://a/".parse().unwrap()).is_none());
    }

    #[test]
    fn what_is_named_and_this_machine_is_asked_directly() {
        let direct =
            |no: &str, host: &str| proxies(no).to(&format!("https://{host}/").parse().unwrap()).is_none();
        for (no, host, expected) in [
            ("", "localhost:5000", true),
            ("", "127.0.0.2", true),
            ("", "[::1]:5", true),
            ("", "10.0.0.1", false),
            ("*", "a.example", true),
            ("a.example", "a.example", true),
            ("A.Example.", "a.example", true),
            ("a.example", "b.a.example:444", true),
            (".a.example", "a.example", true),
            ("*.a.example", "b.a.example", true),
            ("a.example", "ba.example", false),
            ("x, a.example:444", "a.example:444", true),
            ("a.example:444", "a.example", false),
            ("10.0.0.0/8", "10.9.9.9", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "11.0.0.1", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.0/33", "10.0.0.1", false),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "[fe80::1]", false),
            ("::/0", "[fe80::1]", true),
            ("fd00::1", "[fd00::1]:5", true),
        ] {
            assert_eq!(direct(no, host), expected, "{host} with {no:?}");
        }
    }

    #[test]
    fn one_proxy_for_everything_leaves_nothing_out() {
        let proxies = Proxies::only("http://p:1", "proxy-url").unwrap();
        for url in ["http://localhost/", "https://127.0.0.1/", "https://a.example/"] {
            assert_eq!(proxies.to(&url.parse().unwrap()).unwrap().target.name(), "p:1");
        }
        for text in ["", "socks5://p:1"] {
            assert_eq!(Proxies::only(text, "proxy-url").err().unwrap().variable, "proxy-url");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for text in ["socks5://u:secret@h:1", "https://u:secret@h", "http://u:%zz@h", "http://", "u:secret@"]
        {
            let error = Proxies::of(None, Some(text), None).err().unwrap();
            assert_eq!(error.variable, "HTTPS_PROXY");
            assert!(!error.to_string().contains("secret"));
        }
        assert!(Proxies::of(Some(""), None, None).unwrap().http.is_none());
    }
}
