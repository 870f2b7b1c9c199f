//! A Coordinator that does attested TLS properly, and answers calls by a script.

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};

use contrast_attestation::{
    Verifier,
    atls::{Acceptor, ClientPolicy, Peer, PeerCertificate},
    simulated::Processor,
    snp::SnpVerifier,
};
use contrast_proto::meshapi::{
    NewMeshCertRequest, NewMeshCertResponse, RecoverRequest, RecoverResponse,
    mesh_api_server::{MeshApi, MeshApiServer},
};
use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot};
use tonic::{Request, Response, Status, transport::Server};

/// Name of the policy file in the simulator's directory; its content is `policy`.
pub(crate) const POLICY: &str = "policy.rego";

/// A directory with the simulated processor that everybody runs on. It goes away with the calling test.
///
/// A static is never dropped, so it holds the files themselves; making them takes seconds.
pub(crate) fn simulator() -> PathBuf {
    static FILES: LazyLock<Vec<(OsString, Vec<u8>)>> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        Processor::init(directory.path()).unwrap();
        std::fs::write(directory.path().join(POLICY), "policy").unwrap();
        let files = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
        files.map(|file| (file.file_name(), std::fs::read(file.path()).unwrap())).collect()
    });
    // Each test has a thread of its own.
    thread_local!(static DIRECTORY: TempDir = {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in &*FILES {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        directory
    });
    DIRECTORY.with(|directory| directory.path().to_owned())
}

/// A certificate in PEM for a key that nobody has.
pub(crate) fn authority() -> Vec<u8> {
    CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap().pem().into_bytes()
}

/// A certificate in PEM for the key of a peer.
pub(crate) fn certificate_for(peer: &PeerCertificate) -> Vec<u8> {
    let (params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
    let issuer = Issuer::from_params(&params, &key);
    params.signed_by(&P256Key(&peer.spki_der), &issuer).unwrap().pem().into_bytes()
}

/// The SubjectPublicKeyInfo of a P-256 key.
struct P256Key<'a>(&'a [u8]);

impl PublicKeyData for P256Key<'_> {
    fn der_bytes(&self) -> &[u8] {
        // The point, uncompressed, is at its end.
        &self.0[self.0.len() - 65..]
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// What to answer in which attempt, counted from 0, to whom.
type Script = dyn Fn(usize, Peer) -> Result<NewMeshCertResponse, Status> + Send + Sync;

/// Listens until it is dropped.
pub(crate) struct Coordinator {
    pub(crate) address: String,
    _running: oneshot::Sender<()>,
}

impl Coordinator {
    pub(crate) fn start(
        script: impl Fn(usize, Peer) -> Result<NewMeshCertResponse, Status> + Send + Sync + 'static,
    ) -> Self {
        let (running, dropped) = oneshot::channel::<()>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let processor = Processor::open(&simulator()).unwrap();
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(TcpListener::from_std(listener).unwrap(), processor, Arc::new(script)) => {}
                    _ = dropped => {}
                }
            });
        });
        Self { address, _running: running }
    }
}

async fn serve(listener: TcpListener, processor: Processor, script: Arc<Script>) {
    let acceptor = Acceptor::new(Arc::new(processor.attester([0; 32])), Duration::from_secs(20));
    let mut values = processor.reference_values();
    values.allowed_host_data = [Sha256::digest(b"policy").into()].into();
    let verifier = SnpVerifier::new("simulated-0", values, processor.trust_anchor());
    let verifiers: Arc<[Box<dyn Verifier>]> = Arc::new([Box::new(verifier)]);

    for attempt in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        let policy = ClientPolicy::Appraise(Arc::clone(&verifiers));
        let Ok(accepted) = acceptor.accept(stream, policy).await else { continue };
        let service =
            MeshApiServer::new(Connection { attempt, peer: accepted.peer, script: Arc::clone(&script) });
        // tonic knows what to do with an end of a pipe.
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let mut tls = accepted.stream;
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut tls, &mut far).await });
        let incoming = tokio_stream::once(Ok::<_, std::io::Error>(near));
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    }
}

struct Connection {
    attempt: usize,
    peer: Peer,
    script: Arc<Script>,
}

#[tonic::async_trait]
impl MeshApi for Connection {
    async fn new_mesh_cert(
        &self,
        _request: Request<NewMeshCertRequest>,
    ) -> Result<Response<NewMeshCertResponse>, Status> {
        (self.script)(self.attempt, self.peer.clone()).map(Response::new)
    }

    async fn recover(&self, _request: Request<RecoverRequest>) -> Result<Response<RecoverResponse>, Status> {
        Err(Status::unimplemented("pods do not recover Coordinators here"))
    }
}
