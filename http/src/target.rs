//! What is asked.

use std::{fmt, str::FromStr};

use hyper::Uri;

use super::HttpError;

/// A URL with the scheme `http` or `https`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    uri: Uri,
    tls: bool,
    host: String,
    port: u16,
}

impl Target {
    /// Over TLS?
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The name or address, without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also if the URL has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Is it the same server, asked in the same way?
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.tls == other.tls && self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }

    /// Host and port as they stand in the URL.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

impl FromStr for Target {
    type Err = HttpError;

    /// Names of users in a URL are refused: they would end up in messages.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let no_address = || HttpError::Url { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| no_address())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(no_address()),
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(HttpError::Url { url: "a URL with a user in it".to_owned() });
        }
        let host = uri.host().map(|host| host.trim_matches(['[', ']']).to_owned());
        let host = host.filter(|host| !host.is_empty()).ok_or_else(no_address)?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { uri, tls, host, port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}
