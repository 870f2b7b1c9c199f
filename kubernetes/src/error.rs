//! Why a cluster cannot be asked, or does not answer.

mod advice;
mod from_kube;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use contrast_http::{HttpError, NoAuthorities, ProxyError};

/// The reason. [`Self::advice`] says what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// There is no kubeconfig.
    #[error("there is no kubeconfig (looked at {})", paths(.looked_at))]
    NoKubeconfig {
        /// Files that are not there.
        looked_at: Vec<PathBuf>,
    },
    /// A file that a kubeconfig consists of, or that it names, cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// A file is longer than such files are.
    #[error("{} has more than the {longest} bytes that are read of such a file", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The most that is read.
        longest: usize,
    },
    /// A file is no kubeconfig.
    #[error("{} is no kubeconfig: it is wrong {}", file.display(), place(*.line))]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where, if that is known. What stands there is not told, since it may be a secret.
        line: Option<u64>,
    },
    /// The files say nothing.
    #[error("the kubeconfig has no contexts ({})", paths(.files))]
    Empty {
        /// The files.
        files: Vec<PathBuf>,
    },
    /// Nothing says which context is meant.
    #[error("the kubeconfig has no current context; it has {}", names(.contexts))]
    NoCurrentContext {
        /// Those there are.
        contexts: Vec<String>,
    },
    /// There is no context of that name.
    #[error("the kubeconfig has no context `{context}`; it has {}", names(.contexts))]
    NoSuchContext {
        /// Which was asked for, or is the current one.
        context: String,
        /// Those there are.
        contexts: Vec<String>,
    },
    /// A context names what is not there.
    #[error("the context `{context}` names the {kind} `{name}`, which is not in the kubeconfig")]
    Dangling {
        /// The context.
        context: String,
        /// `cluster` or `user`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The server's address is none.
    #[error("the kubeconfig names `{server}` as the server of `{cluster}`, which is no address of a server")]
    BadServer {
        /// The cluster.
        cluster: String,
        /// What stands there.
        server: String,
    },
    /// It is asked without TLS, and is not on this machine.
    #[error(
        "the kubeconfig names {server} without TLS, so that anybody on the way could read and change everything"
    )]
    Plain {
        /// The server.
        server: String,
    },
    /// The kubeconfig says not to check who the server is.
    #[error(
        "the kubeconfig says insecure-skip-tls-verify of `{cluster}`, by which anybody on the way could take the \
         server's place and your credentials"
    )]
    Insecure {
        /// The cluster.
        cluster: String,
    },
    /// Certificates, or a key, cannot be used.
    #[error("{from} holds no {what} that can be used")]
    Unusable {
        /// What it should be.
        what: &'static str,
        /// Where it stands.
        from: String,
    },
    /// A certificate stands without its key, or the other way round.
    #[error("the kubeconfig has a client {present}, but no client {missing} for it")]
    HalfIdentity {
        /// What there is.
        present: &'static str,
        /// What there is not.
        missing: &'static str,
    },
    /// The client's certificate is over.
    #[error("the client certificate in {from} expired at {since}")]
    ExpiredCertificate {
        /// Where it stands.
        from: String,
        /// When.
        since: String,
    },
    /// The user is known by a method that `kubectl` has removed.
    #[error(
        "the kubeconfig uses the authentication provider `{name}`, which kubectl removed in version 1.26"
    )]
    Provider {
        /// Its name.
        name: String,
    },
    /// A credential plugin did not give credentials.
    #[error(transparent)]
    Plugin(#[from] Plugin),
    /// The program does not run in a pod.
    #[error("this does not run in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")]
    NotInCluster,
    /// A proxy is named wrongly.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The kubeconfig names no authority, and neither does the machine.
    #[error(transparent)]
    NoAuthorities(#[from] NoAuthorities),
    /// There is no connection to the API server.
    #[error("the API server at {server} cannot be reached: {source}")]
    Away {
        /// The server.
        server: String,
        /// Why.
        source: HttpError,
    },
    /// The connection broke.
    #[error("the connection to the API server at {server} broke: {reason}")]
    Broken {
        /// The server.
        server: String,
        /// What the transport says.
        reason: String,
    },
    /// It takes too long.
    #[error("the API server at {server} did not {what} within {} seconds", limit.as_secs())]
    Slow {
        /// The server.
        server: String,
        /// What was waited for.
        what: &'static str,
        /// For how long.
        limit: Duration,
    },
    /// Its certificate is not of the authority that the kubeconfig names.
    #[error("the server at {server} is not the API server that the kubeconfig means: {reason}")]
    WrongServer {
        /// The server.
        server: String,
        /// What is wrong with its certificate.
        reason: &'static str,
    },
    /// What answers there does not speak TLS.
    #[error("what answers at {server} does not speak TLS")]
    NoTls {
        /// The server.
        server: String,
    },
    /// The server does not take the client's certificate.
    #[error("the API server at {server} does not accept the client certificate: {reason}")]
    CertificateRefused {
        /// The server.
        server: String,
        /// The alert.
        reason: String,
    },
    /// It sends the caller elsewhere. Nobody follows: credentials would go along.
    #[error("{server} answers with a redirection ({status}) to {to}, which an API server does not")]
    Redirected {
        /// The server.
        server: String,
        /// The HTTP status.
        status: u16,
        /// Where to.
        to: String,
    },
    /// It does not know who asks.
    #[error("the API server at {server} does not accept {credentials}{}", expired_since(.expired))]
    Unauthorized {
        /// The server.
        server: String,
        /// What was shown to it.
        credentials: &'static str,
        /// Since when the token is expired, if it says so.
        expired: Option<String>,
    },
    /// The caller may not do that.
    #[error("the API server forbids it: {message}")]
    Forbidden {
        /// In the server's words.
        message: String,
    },
    /// There is no such object.
    #[error("the API server does not have it: {message}")]
    NotFound {
        /// In the server's words.
        message: String,
    },
    /// It refuses for another reason.
    #[error("the API server refuses ({code}): {message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// In the server's words.
        message: String,
    },
    /// An answer is longer than it may be.
    #[error("the API server at {server} sent more than {limit} bytes")]
    TooLarge {
        /// The server.
        server: String,
        /// The most that is read.
        limit: usize,
    },
    /// An answer is not what such a server answers.
    #[error("the API server sent what is no answer to the question: {reason}")]
    Garbage {
        /// What is wrong with it.
        reason: String,
    },
}

/// A credential plugin, and what went wrong with it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the credential plugin `{command}` of the kubeconfig {failure}")]
pub struct Plugin {
    /// The program.
    pub command: String,
    /// What went wrong.
    pub failure: PluginFailure,
    /// What the kubeconfig says on how to install it.
    pub hint: Option<String>,
}

/// What went wrong with a credential plugin.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PluginFailure {
    /// The kubeconfig asks for it in a version that there is not.
    #[error(
        "is asked for in the version `{0}`, which is neither v1 nor v1beta1 of client.authentication.k8s.io"
    )]
    Version(String),
    /// It wants a person, and there is none.
    #[error("needs a terminal, which there is not")]
    NoTerminal,
    /// It is not there.
    #[error("is not installed")]
    Missing,
    /// It cannot be started.
    #[error("cannot be started: {0}")]
    Start(Arc<io::Error>),
    /// It ended with an error.
    #[error("failed ({status}){}", said(.stderr))]
    Failed {
        /// How it ended.
        status: String,
        /// The end of what it said.
        stderr: String,
    },
    /// It did not end.
    #[error("did not end within {} seconds", .0.as_secs())]
    Slow(Duration),
    /// It did not print credentials.
    #[error("printed no credentials: {0}")]
    Output(&'static str),
}

fn paths(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no home folder".to_owned();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn names(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn place(line: Option<u64>) -> String {
    line.map_or_else(|| "as a whole".to_owned(), |line| format!("in line {line}"))
}

fn expired_since(since: &Option<String>) -> String {
    since.as_ref().map(|since| format!(": it expired at {since}")).unwrap_or_default()
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}
