//! What kubeconfigs and pods say about a cluster, once it is read.

use std::{path::PathBuf, sync::Arc};

use contrast_http::{Proxies, Target};
use hyper::header::HeaderMap;
use rustls::{RootCertStore, sign::CertifiedKey};

use crate::credentials::Credentials;

/// A cluster, and who asks.
pub(crate) struct Settings {
    /// The API server. Paths of calls come below its path.
    pub(crate) server: Target,
    pub(crate) roots: RootCertStore,
    /// The name in the server's certificate, if it is another one than in its URL.
    pub(crate) server_name: Option<String>,
    /// The client's certificate and key.
    pub(crate) identity: Option<Arc<CertifiedKey>>,
    pub(crate) credentials: Credentials,
    /// Whom to act as.
    pub(crate) impersonation: HeaderMap,
    pub(crate) proxies: Proxies,
    pub(crate) namespace: String,
    pub(crate) context: Option<String>,
}

/// Where a certificate, a key or a token stands, for messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    File(PathBuf),
    /// A member of the kubeconfig.
    Inline(&'static str),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Inline(member) => write!(f, "the kubeconfig's {member}"),
        }
    }
}
