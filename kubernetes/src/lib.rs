//! The API server of a cluster, found by a kubeconfig or from inside a pod.
//!
//! [`kube`] speaks to it, over a connection of this crate's own: TLS by `rustls` with the kubeconfig's authority, through
//! the proxies of the environment, with every wait and every answer bounded. Nothing that the cluster says is trusted
//! with anything: it tells where things are, and attestation tells what they are.

mod answer;
mod connector;
mod context;
mod credentials;
mod error;
mod forward;
mod in_cluster;
mod kubeconfig;
mod plugin;
mod settings;
mod tls;
mod transport;

use std::path::Path;

pub use answer::MAX_ANSWER_LEN;
pub use error::{AccessError, Plugin, PluginFailure};
pub use forward::Forward;
pub use kube;
use kube::client::ClientBuilder;

use settings::Settings;
use transport::Transport;

/// A cluster, and who asks.
#[derive(Clone)]
pub struct Access {
    /// Speaks to the API server. Its errors become [`AccessError`]s, which say what to do.
    pub client: kube::Client,
    /// The namespace where nothing else is said.
    pub namespace: String,
    /// The API server's URL, for messages.
    pub server: String,
    /// The context of the kubeconfig; none inside a pod.
    pub context: Option<String>,
}

impl Access {
    /// The cluster of a context in the user's kubeconfig, which is where `kubectl` looks for it: the files that
    /// `KUBECONFIG` names, or `~/.kube/config`. Without a context, that is the current one. Where there is no such file
    /// and the program runs in a pod, it is [`Self::in_cluster`], also as in `kubectl`.
    ///
    /// Reads files, and asks nobody yet: a credential plugin is run by the first call.
    ///
    /// # Errors
    /// If there is no such context, or if what it names cannot be used.
    pub fn from_kubeconfig(context: Option<&str>) -> Result<Self, AccessError> {
        match kubeconfig::read() {
            Err(AccessError::NoKubeconfig { .. }) if context.is_none() && in_cluster::is_pod() => {
                Self::in_cluster()
            }
            outcome => Self::of(context::settings(&outcome?, context)?),
        }
    }

    /// The same as [`Self::from_kubeconfig`], with a file that the user names.
    ///
    /// # Errors
    /// If it is no kubeconfig, or has no such context, or if what that names cannot be used.
    pub fn from_file(file: &Path, context: Option<&str>) -> Result<Self, AccessError> {
        Self::of(context::settings(&kubeconfig::read_files(&[file.to_owned()])?, context)?)
    }

    /// The cluster of the pod that the program runs in, with the pod's service account.
    ///
    /// # Errors
    /// If the program runs elsewhere, or if the pod has no service account.
    pub fn in_cluster() -> Result<Self, AccessError> {
        Self::of(in_cluster::settings()?)
    }

    fn of(settings: Settings) -> Result<Self, AccessError> {
        let (namespace, context) = (settings.namespace.clone(), settings.context.clone());
        let server = settings.server.to_string();
        let client = ClientBuilder::new(Transport::new(settings)?, namespace.clone()).build();
        Ok(Self { client, namespace, server, context })
    }
}

#[cfg(test)]
mod tests;
