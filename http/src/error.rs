//! Why a server could not be asked.

use std::{io, path::PathBuf, sync::Arc};

/// The machine has no list of certificate authorities.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "there are no certificate authorities to know web servers by (looked at {}); install `ca-certificates`, or set \
     SSL_CERT_FILE",
    .looked_at.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
)]
pub struct NoAuthorities {
    /// Files that were looked at.
    pub looked_at: Vec<PathBuf>,
}

/// The reason.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("no connection to {host}: {source}")]
    Connection {
        /// Host and port.
        host: String,
        /// What the operating system, or TLS, says.
        source: Arc<io::Error>,
    },
    /// Nothing shows who the server is.
    #[error(transparent)]
    NoAuthorities(#[from] NoAuthorities),
    /// The name leads into a network that a stranger may not send us to.
    #[error("{host} has an address of the local network, where only you may send this program, not a server")]
    LocalAddress {
        /// Host and port.
        host: String,
    },
    /// A proxy does not connect.
    #[error("proxy {proxy} does not connect to {host}{}", status.map(|it| format!(": HTTP status {it}")).unwrap_or_default())]
    Proxy {
        /// Host and port of the proxy.
        proxy: String,
        /// Host and port of the server.
        host: String,
        /// What the proxy answered, if it was HTTP.
        status: Option<u16>,
    },
    /// The answer is not HTTP, or stops in the middle.
    #[error("{host} sent a broken answer: {source}")]
    Http {
        /// Host and port.
        host: String,
        /// What is wrong with it.
        source: Arc<hyper::Error>,
    },
    /// The answer is longer than it may be.
    #[error("{host} sent more than {limit} bytes")]
    TooLong {
        /// Host and port.
        host: String,
        /// The most that is read.
        limit: usize,
    },
    /// The address is not one that can be asked.
    #[error("{url} is no address that can be asked")]
    Url {
        /// The address.
        url: String,
    },
}
