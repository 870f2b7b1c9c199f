//! Why a registry does not give what was asked for.

use std::time::Duration;

use contrast_http::HttpError;

use super::CredentialError;
use crate::{digest::Digest, reference::Reference, source::ImageError};

/// The reason, with the URL where it matters. Never with a credential.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be asked, or its answer is broken.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Nothing came for too long.
    #[error("{host} sent nothing for {} s", after.as_secs_f32())]
    Stalled {
        /// Host and port.
        host: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// It is not there.
    #[error("{host} does not have {what} (status 404); check the name, or push the image")]
    NotFound {
        /// Host and port.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// Credentials are missing, or not accepted.
    #[error("{host} lets nobody read {what} without signing in (status 401); use `docker login {registry}`")]
    Unauthorized {
        /// Host and port.
        host: String,
        /// What was asked for.
        what: String,
        /// The registry as references name it.
        registry: String,
    },
    /// Whoever the credentials are for may not have it.
    #[error("{host} refuses {what} to this user (status 403); ask its owner for permission to pull")]
    Forbidden {
        /// Host and port.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// Any other answer.
    #[error("{host} answered with HTTP status {status} when asked for {what}")]
    Status {
        /// Host and port.
        host: String,
        /// What was asked for.
        what: String,
        /// The status code.
        status: u16,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// It sends elsewhere, in a way that is not followed.
    #[error("{host} redirects to {to:?}, which is not followed: {reason}")]
    Redirect {
        /// Host and port.
        host: String,
        /// Where it redirects to, without the query, which can be a credential.
        to: String,
        /// Why not.
        reason: &'static str,
    },
    /// What it asks for in order to sign in is not understood.
    #[error("{host} asks to sign in with {challenge:?}, which is not understood")]
    Challenge {
        /// Host and port.
        host: String,
        /// The scheme that it asks for.
        challenge: String,
    },
    /// Credentials cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// It says that the download is another part than the one that was asked for.
    #[error("{host} continues a download at the wrong byte")]
    Range {
        /// Host and port.
        host: String,
    },
    /// The machine's settings forbid to ask it.
    #[error("{reference} is at a registry that your registries.conf blocks")]
    Blocked {
        /// What was asked for.
        reference: Box<Reference>,
    },
    /// It lies about what a digest stands for.
    #[error(
        "{reference} has the digest {found} instead of {expected}: the registry, or somebody on the way, changed it"
    )]
    OtherDigest {
        /// What was asked for.
        reference: Box<Reference>,
        /// The digest of the reference.
        expected: Digest,
        /// That of the bytes.
        found: Digest,
    },
    /// The image cannot be used.
    #[error("{reference}: {source}")]
    Image {
        /// What was asked for.
        reference: Box<Reference>,
        /// What is wrong with it.
        source: Box<ImageError>,
    },
    /// The thread for requests has ended.
    #[error("the request was stopped before an answer came")]
    Stopped,
}

impl RegistryError {
    /// Could the same request succeed a little later?
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Http(HttpError::Proxy { status, .. }) => status.is_none_or(|status| status >= 500),
            Self::Http(error) => matches!(error, HttpError::Connection { .. } | HttpError::Http { .. }),
            Self::Stalled { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
