//! A Coordinator of another make: its evidence is good, but it knows nothing of what this project added to the protocol,
//! and does not look at what a manifest must follow.

use std::{
    fs, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use contrast_attestation::{
    atls::{Acceptor, ClientPolicy, Connector, Identity, grpc},
    simulated::Processor,
};
use contrast_proto::userapi::{
    GetHistoryRequest, GetManifestsRequest, GetManifestsResponse, GetSeedSharesRequest,
    GiveSeedConsentRequest, GiveSeedConsentResponse, HistoryItem, RecoverRequest, RecoverResponse,
    SeedShareDocument, SetManifestRequest, SetManifestResponse,
    user_api_client::UserApiClient,
    user_api_server::{UserApi, UserApiServer},
};
use contrast_tests::{Answer, Client, Coordinator, Deployment};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
    runtime::Runtime,
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::Connected},
};

/// Stands before a Coordinator, as its workload owner, and leaves out all that a reference Coordinator does not have.
struct Reference {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Reference {
    fn before(deployment: &Deployment, coordinator: &Coordinator) -> Self {
        let runtime = Runtime::new().unwrap();
        let policy = fs::read(deployment.policy_file("coordinator")).unwrap();
        let attester =
            Processor::open(&deployment.simulator).unwrap().attester(Sha256::digest(policy).into());
        let acceptor = Acceptor::new(Arc::new(attester), Duration::from_secs(25));
        let owner = Connector::new(deployment.workload_owner_identity(""), None, Arc::from([]));
        let behind = coordinator.user_api.to_string();
        let address = runtime.block_on(async {
            let api = UserApiClient::new(grpc::channel(&behind, &owner).await.unwrap());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (established, incoming) = mpsc::channel(4);
            tokio::spawn(async move {
                while let Ok((tcp, _)) = listener.accept().await {
                    if let Ok(accepted) = acceptor.accept(tcp, ClientPolicy::Optional).await {
                        let _ = established.send(Ok::<_, io::Error>(Wire(accepted.stream))).await;
                    }
                }
            });
            let server = Server::builder().add_service(UserApiServer::new(Service { api }));
            tokio::spawn(server.serve_with_incoming(ReceiverStream::new(incoming)));
            address
        });
        Self { address, _runtime: runtime }
    }

    fn contrast(&self, deployment: &Deployment, command: &[&str]) -> Answer {
        let address = self.address.to_string();
        Answer::of(Answer::command(&deployment.workspace, [command, &["--coordinator", &address]].concat()))
    }
}

struct Service {
    api: UserApiClient<grpc::Channel>,
}

#[tonic::async_trait]
impl UserApi for Service {
    type GetHistoryStream = ReceiverStream<Result<HistoryItem, Status>>;

    async fn set_manifest(
        &self,
        request: Request<SetManifestRequest>,
    ) -> Result<Response<SetManifestResponse>, Status> {
        let SetManifestRequest { manifest, policies, signature, .. } = request.into_inner();
        let known = SetManifestRequest { manifest, policies, signature, ..Default::default() };
        let mut response = self.api.clone().set_manifest(known).await?.into_inner();
        response.latest_transition = None;
        Ok(Response::new(response))
    }

    async fn get_manifests(
        &self,
        request: Request<GetManifestsRequest>,
    ) -> Result<Response<GetManifestsResponse>, Status> {
        self.api.clone().get_manifests(request.into_inner()).await
    }

    async fn recover(&self, _: Request<RecoverRequest>) -> Result<Response<RecoverResponse>, Status> {
        Err(Status::failed_precondition("coordinator is already recovered"))
    }

    async fn get_history(
        &self,
        _: Request<GetHistoryRequest>,
    ) -> Result<Response<Self::GetHistoryStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_seed_shares(
        &self,
        _: Request<GetSeedSharesRequest>,
    ) -> Result<Response<SeedShareDocument>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn give_seed_consent(
        &self,
        _: Request<GiveSeedConsentRequest>,
    ) -> Result<Response<GiveSeedConsentResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// A connection that tonic serves.
struct Wire<IO>(IO);

impl<IO> Connected for Wire<IO> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl<IO: AsyncRead + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[test]
fn missing_seed_shares_tell_that_a_coordinator_which_does_not_look_took_the_first_manifest_for_an_update() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let mut foreign = deployment.set_request();
    foreign.manifest.push(b' ');
    Client::connect(coordinator.user_api, Identity::Fresh).set(foreign).unwrap();
    let reference = Reference::before(&deployment, &coordinator);
    let said = reference.contrast(&deployment, &["set", "resources"]).failure();
    assert!(said.contains("the manifest is set, but not as the first"), "what happened comes first: {said}");
    assert!(said.contains("no seed shares"), "{said}");
    for name in ["coordinator-root-ca.pem", "mesh-ca.pem", "seed-shares.json", "verify"] {
        assert!(!deployment.workspace.join(name).exists(), "{name} was written");
    }
}

#[test]
fn a_coordinator_without_the_additions_is_served_and_what_could_not_be_checked_is_said() {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    let reference = Reference::before(&deployment, &coordinator);
    reference.contrast(&deployment, &["set", "resources"]).success();
    assert!(deployment.workspace.join("seed-shares.json").exists());
    // The same workspace comes to know a transition, and meets the Coordinator of the other make again.
    deployment.contrast(&coordinator, "verify", &[]).success();
    let mut manifest = fs::read(deployment.manifest_path()).unwrap();
    manifest.push(b'\n');
    fs::write(deployment.manifest_path(), manifest).unwrap();
    let said = reference.contrast(&deployment, &["set", "resources"]).success().stderr;
    assert!(said.contains("was not checked"), "{said}");
}
