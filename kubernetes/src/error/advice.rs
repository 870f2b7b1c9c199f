//! What to do about it.

use std::borrow::Cow;

use super::{AccessError, Plugin, PluginFailure};

impl AccessError {
    /// The next step.
    #[must_use]
    pub fn advice(&self) -> Cow<'static, str> {
        match self {
            Self::NoKubeconfig { .. } => {
                "set KUBECONFIG to the file that kubectl uses with this cluster, or get one from whoever runs the cluster".into()
            }
            Self::Unreadable { file, .. } => {
                format!("look whether {} is the right file, and whether you may read it", file.display()).into()
            }
            Self::TooLong { .. } | Self::Malformed { .. } => {
                "look at the file with `kubectl config view`, which checks it as well".into()
            }
            Self::Empty { .. } => {
                "get a kubeconfig from whoever runs the cluster; providers have a command that writes one".into()
            }
            Self::NoCurrentContext { .. } | Self::NoSuchContext { .. } => {
                "choose one with --context, or with `kubectl config use-context NAME`".into()
            }
            Self::Dangling { .. } => {
                "add what is missing with `kubectl config`, or choose another context with --context".into()
            }
            Self::BadServer { .. } => "correct it with `kubectl config set-cluster NAME --server https://HOST:PORT`".into(),
            Self::Plain { .. } => "name it with https://; plain http is for servers on this machine only".into(),
            Self::Insecure { .. } => {
                "give the cluster's authority instead: `kubectl config set-cluster NAME --certificate-authority FILE \
                 --embed-certs` and `kubectl config unset clusters.NAME.insecure-skip-tls-verify`"
                    .into()
            }
            Self::Unusable { .. } | Self::HalfIdentity { .. } => {
                "get a new kubeconfig, or correct this one; certificates and keys are in PEM, inside the file also in base64".into()
            }
            Self::ExpiredCertificate { .. } => {
                "get new credentials from whoever runs the cluster; with kubeadm `kubeadm certs renew admin.conf` on the control plane".into()
            }
            Self::Provider { .. } => {
                "use the credential plugin that replaced it (`exec` in the kubeconfig); your provider's command writes that".into()
            }
            Self::Plugin(plugin) => plugin.advice(),
            Self::NotInCluster => "set KUBECONFIG instead".into(),
            Self::Proxy(_) => "correct it, or unset it".into(),
            Self::NoAuthorities(_) => "or name the authority in the kubeconfig (certificate-authority)".into(),
            Self::Away { .. } | Self::Slow { .. } => {
                "look whether the cluster runs (`kubectl get --raw /readyz`), whether you are in the right network, and \
                 whether HTTPS_PROXY and NO_PROXY are right for it"
                    .into()
            }
            Self::Broken { .. } => "try again; an API server that restarts is back within a minute".into(),
            Self::WrongServer { .. } => {
                "nothing was sent to it. If the cluster was made anew, get its new kubeconfig; if a proxy or tunnel is in \
                 between, set tls-server-name, or the authority that it uses"
                    .into()
            }
            Self::NoTls { .. } => "check host and port of the server in the kubeconfig".into(),
            Self::CertificateRefused { .. } => "get new credentials from whoever runs the cluster".into(),
            Self::Redirected { .. } => {
                "check the server in the kubeconfig: a web page or a login page answers there".into()
            }
            Self::Unauthorized { expired, .. } => match expired {
                Some(_) => "log in again, as you do for kubectl".into(),
                None => "look whether `kubectl auth whoami` works with the same context; if not, log in again".into(),
            },
            Self::Forbidden { .. } => {
                "ask whoever runs the cluster for that right; `kubectl auth can-i --list` shows those that you have".into()
            }
            Self::NotFound { .. } => "check the names, and the namespace of the context".into(),
            Self::Refused { code: 429 | 500.., .. } => "try again in a moment".into(),
            Self::Refused { .. } | Self::Garbage { .. } | Self::TooLarge { .. } => {
                "look whether kubectl works with the same context, and whether the server in the kubeconfig is an API server".into()
            }
        }
    }
}

impl Plugin {
    fn advice(&self) -> Cow<'static, str> {
        match (&self.failure, &self.hint) {
            (PluginFailure::Missing, Some(hint)) => format!("the kubeconfig says: {hint}").into(),
            (PluginFailure::Missing | PluginFailure::Start(_), _) => {
                format!("install `{}`, or bring it into PATH", self.command).into()
            }
            (PluginFailure::Version(_), _) => "update the kubeconfig with your provider's command".into(),
            (PluginFailure::NoTerminal, _) => {
                "run this on a terminal, or log in beforehand in a way that needs nobody".into()
            }
            (PluginFailure::Slow(_), _) => {
                "look whether `kubectl get --raw /version` hangs as well; it may wait for a login or for the network".into()
            }
            (PluginFailure::Failed { .. } | PluginFailure::Output(_), _) => {
                "look whether `kubectl get --raw /version` works with the same context; you may have to log in again".into()
            }
        }
    }
}
