//! Why an item could not be fetched.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use super::ContentError;

/// The reason, in words that finish "cannot fetch it: …".
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("no connection to {host}: {source}")]
    Connection {
        /// Host and port.
        host: String,
        /// What the operating system, or TLS, says.
        source: Arc<io::Error>,
    },
    /// The machine has no list of certificate authorities.
    #[error(
        "there are no certificate authorities to know the vendor's server by ({}); install `ca-certificates`, set \
         SSL_CERT_FILE, or use a collateral proxy or bundle",
        list(looked_at)
    )]
    NoAuthorities {
        /// Files that were looked at.
        looked_at: Vec<PathBuf>,
    },
    /// The answer took too long.
    #[error("{host} did not answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// Host and port.
        host: String,
        /// How long the answer was waited for.
        after: Duration,
    },
    /// The answer is not HTTP, or stops in the middle.
    #[error("{host} sent a broken answer: {source}")]
    Http {
        /// Host and port.
        host: String,
        /// What is wrong with it.
        source: Arc<hyper::Error>,
    },
    /// The answer is longer than any item of its kind.
    #[error("{host} sent more than {limit} bytes")]
    TooLong {
        /// Host and port.
        host: String,
        /// The most that is read.
        limit: usize,
    },
    /// An answer that is not "200 OK".
    #[error("{host} answered with HTTP status {status}")]
    Status {
        /// Host and port.
        host: String,
        /// The status code.
        status: u16,
        /// How long the server wants to be left alone, from `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The service asked to be left alone, in answer to an earlier request.
    #[error("{service} asked to be left alone for another {} s", remaining.as_secs())]
    AskedToWait {
        /// Scheme and host of the vendor.
        service: &'static str,
        /// How long it must not be asked.
        remaining: Duration,
    },
    /// The address is not one that can be asked.
    #[error("{url} is no address that can be asked")]
    Url {
        /// The address.
        url: String,
    },
    /// What came is not what the vendor signed.
    #[error("the answer is not to be trusted: {0}")]
    Content(#[from] ContentError),
    /// The task that fetched it was stopped.
    #[error("it was stopped before an answer came")]
    Stopped,
}

impl FetchError {
    /// Could the same request succeed a little later?
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connection { .. }
            | Self::TimedOut { .. }
            | Self::Http { .. }
            | Self::AskedToWait { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::NoAuthorities { .. }
            | Self::TooLong { .. }
            | Self::Url { .. }
            | Self::Content(_)
            | Self::Stopped => false,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::AskedToWait { remaining, .. } => Some(*remaining),
            _ => None,
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    format!("looked at {}", paths.join(", "))
}
