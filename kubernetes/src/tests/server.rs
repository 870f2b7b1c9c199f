//! A server that speaks TLS, and answers what a test wants.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::{Access, AccessError, context, kubeconfig};

/// An authority.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(super) fn data(&self) -> String {
        STANDARD.encode(self.pem())
    }

    /// Certificate and key, in PEM.
    pub(super) fn issue(&self, params: CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// A server. Ends with the test.
pub(super) struct Server {
    pub(super) port: u16,
    /// The heads of all requests.
    pub(super) heads: Arc<Mutex<Vec<String>>>,
}

type Answers = dyn Fn(&str) -> Vec<u8> + Send + Sync;

impl Server {
    /// Its certificate is for `name`. Clients may show certificates of the same authority.
    pub(super) async fn start(
        authority: &Authority,
        name: &str,
        answers: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Self::with(authority, params, Arc::new(answers)).await
    }

    pub(super) async fn with(
        authority: &Authority,
        params: CertificateParams,
        answers: Arc<Answers>,
    ) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority.0).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, answers, seen) = (acceptor.clone(), Arc::clone(&answers), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(tcp).await else { return };
                    let certified = stream.get_ref().1.peer_certificates().is_some();
                    let mut head = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        head.push(byte);
                        if !head.ends_with(b"\r\n\r\n") {
                            continue;
                        }
                        let text = format!("certified: {certified}\r\n{}", String::from_utf8_lossy(&head));
                        let answer = answers(&text);
                        seen.lock().unwrap().push(text);
                        head.clear();
                        // Nothing to say: it just stays connected.
                        if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, heads }
    }

    pub(super) fn last_head(&self) -> String {
        self.heads.lock().unwrap().last().cloned().unwrap_or_default().to_lowercase()
    }
}

/// An answer with a body.
pub(super) fn answer(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What `/version` says.
pub(super) fn version() -> Vec<u8> {
    let members = [
        "major",
        "minor",
        "gitVersion",
        "gitCommit",
        "gitTreeState",
        "buildDate",
        "goVersion",
        "compiler",
        "platform",
    ];
    let members: Vec<_> = members.iter().map(|name| format!(r#""{name}":"1""#)).collect();
    answer("200 OK", &format!("{{{}}}", members.join(",")))
}

/// A kubeconfig of one context, with some members of its cluster and its user.
pub(super) fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{{"name":"c","context":{{"cluster":"k","user":"u","namespace":"shop"}}}}],"clusters":[{{"name":"k","cluster":{{{cluster}}}}}],"users":[{{"name":"u","user":{{{user}}}}}]}}"#
    )
}

/// Access by the text of a kubeconfig. Files that it names are in `folder`.
pub(super) fn access(folder: &std::path::Path, text: &str) -> Result<Access, AccessError> {
    let file = folder.join("config");
    std::fs::write(&file, text).unwrap();
    Access::of(context::settings(&kubeconfig::read_files(&[file])?, None)?)
}

/// Asks for the server's version.
pub(super) async fn ask(access: &Access) -> Result<String, AccessError> {
    Ok(access.client.apiserver_version().await?.git_version)
}
