//! A server of one's own in place of the vendors'.

use std::{fmt, str::FromStr};

use hyper::Uri;

/// The base URL that takes the place of the vendors' hosts, for example `http://pccs.example:8081`. Plain `http`
/// is fine: nothing that comes from there is believed without a vendor's signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy(String);

/// Why a text is not a base URL.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is no base URL for collateral; write http:// or https://, a host, and if need be a port and a path"
)]
pub struct ProxyError(String);

impl Proxy {
    /// Where the proxy has what a vendor has at `path`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ProxyError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        if !web || uri.host().is_none_or(str::is_empty) || uri.query().is_some() || text.contains(['@', '#'])
        {
            return Err(refused());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_gets_the_path_of_the_vendor() {
        for base in ["http://[::1]:8081", "http://[::1]:8081/"] {
            assert_eq!(
                base.parse::<Proxy>().unwrap().url("/vcek/v1/Milan/crl"),
                "http://[::1]:8081/vcek/v1/Milan/crl"
            );
        }
        assert_eq!("https://cache/amd/".parse::<Proxy>().unwrap().url("/a?b=c"), "https://cache/amd/a?b=c");
    }

    #[test]
    fn what_is_not_a_base_url_is_refused() {
        for text in ["", "pccs:8081", "ftp://pccs", "http://", "http://u:p@pccs", "http://pccs/?a=b", "/tmp"]
        {
            assert!(text.parse::<Proxy>().is_err(), "{text}");
        }
    }
}
