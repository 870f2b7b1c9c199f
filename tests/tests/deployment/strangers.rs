//! Strangers who want all memory or all places, beside clients who mean well.

use std::{
    convert::Infallible,
    error::Error,
    io::Read,
    net::{SocketAddr, TcpStream},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use contrast_attestation::{
    Attester,
    atls::{
        Connector, Identity,
        grpc::{self, Channel},
    },
    simulated::Processor,
};
use contrast_proto::{
    meshapi::{NewMeshCertRequest, mesh_api_client::MeshApiClient},
    userapi::SetManifestRequest,
};
use contrast_tests::{
    Client, Coordinator, Deployment,
    attack::{ATTACKS, MOST_BYTES, Target, let_loose},
};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use tonic::{
    Code,
    body::Body,
    codegen::{Bytes, Service, http},
};

/// Longest time that an honest client takes beside any of these attacks, on a loaded machine. Each attack stopped it for
/// two minutes when it was new.
const PATIENCE: Duration = Duration::from_secs(30);
const SET_MANIFEST: &str = "/edgelesssys.contrast.userapi.UserAPI/SetManifest";
const GET_HISTORY: &str = "/edgelesssys.contrast.userapi.UserAPI/GetHistory";
const NEW_MESH_CERT: &str = "/meshapi.MeshAPI/NewMeshCert";

/// A request that announces so many bytes, sends them all but the last, and never ends.
struct Endless {
    left: usize,
    announced: Option<u32>,
}

impl Endless {
    fn message(length: u32) -> Self {
        Self { left: length as usize - 1, announced: Some(length) }
    }

    fn nothing() -> Self {
        Self { left: 0, announced: None }
    }
}

impl tonic::codegen::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];
        if let Some(length) = self.announced.take() {
            let prefix = [&[0], &length.to_be_bytes()[..]].concat();
            return Poll::Ready(Some(Ok(hyper::body::Frame::data(prefix.into()))));
        }
        if self.left == 0 {
            return Poll::Pending;
        }
        let piece = self.left.min(ZEROS.len());
        self.left -= piece;
        Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(&ZEROS[..piece])))))
    }
}

async fn connect(api: SocketAddr) -> Channel {
    let connector = Connector::new(Identity::Fresh, None, Arc::from([]));
    grpc::channel(&api.to_string(), &connector).await.unwrap()
}

/// Begins a call, and does not wait for its answer.
fn begin(channel: &Channel, path: &str, body: Body) -> impl Future<Output = Option<Code>> + Send + 'static {
    let request =
        http::Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    let answer = channel.clone().call(request.body(body).unwrap());
    async move {
        let answer = answer.await.ok()?;
        let status = answer.headers().get("grpc-status")?.to_str().ok()?.parse().ok()?;
        Some(Code::from_i32(status))
    }
}

/// Everything that honest clients ask for.
fn serves_honest_clients(deployment: &Deployment, coordinator: &Coordinator) {
    let begun = Instant::now();
    deployment.contrast(coordinator, "verify", &[]).success();
    deployment.contrast(coordinator, "set", &[]).success();
    deployment.pod(coordinator, "web").finish();
    assert_eq!(coordinator.ops.get("/probe/readiness").0, 200);
    assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
}

fn set_up() -> (Deployment, Coordinator) {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    (deployment, coordinator)
}

fn assert_kept(coordinator: &Coordinator) {
    let peak = coordinator.peak_resident_bytes();
    assert!(peak < MOST_BYTES, "{:.1} MiB", peak as f64 / 1048576.0);
}

#[test]
fn calls_that_are_only_begun_keep_nobody_out() {
    let (deployment, coordinator) = set_up();
    let runtime = Runtime::new().unwrap();
    let mut begun = Vec::new();
    for (api, path) in [
        (coordinator.user_api, SET_MANIFEST),
        (coordinator.user_api, GET_HISTORY),
        (coordinator.mesh_api, NEW_MESH_CERT),
    ] {
        for _ in 0..4 {
            let channel = runtime.block_on(connect(api));
            for _ in 0..8 {
                begun.push(runtime.spawn(begin(&channel, path, Body::new(Endless::nothing()))));
            }
        }
    }
    serves_honest_clients(&deployment, &coordinator);
    assert_kept(&coordinator);
}

#[test]
fn a_peer_without_accepted_evidence_hears_why_before_its_request_is_read() {
    let (_deployment, coordinator) = set_up();
    let runtime = Runtime::new().unwrap();
    let code = runtime.block_on(async {
        let channel = connect(coordinator.mesh_api).await;
        tokio::time::timeout(PATIENCE, begin(&channel, NEW_MESH_CERT, Body::new(Endless::nothing()))).await
    });
    assert_eq!(code, Ok(Some(Code::PermissionDenied)));
}

#[test]
fn manifests_of_strangers_do_not_become_memory() {
    let (deployment, coordinator) = set_up();
    let runtime = Runtime::new().unwrap();
    let large = || Body::new(Endless::message(15_800_000));
    let small = || Body::new(Endless::message(1_900_000));
    let mut begun = Vec::new();
    let channel = runtime.block_on(connect(coordinator.user_api));
    let refused = runtime.block_on(begin(&channel, SET_MANIFEST, large()));
    assert!(matches!(refused, None | Some(Code::ResourceExhausted)), "{refused:?}");
    for _ in 0..4 {
        let channel = runtime.block_on(connect(coordinator.user_api));
        for _ in 0..8 {
            begun.push(runtime.spawn(begin(&channel, SET_MANIFEST, large())));
            begun.push(runtime.spawn(begin(&channel, SET_MANIFEST, small())));
            begun.push(runtime.spawn(begin(&channel, GET_HISTORY, large())));
        }
    }
    serves_honest_clients(&deployment, &coordinator);
    assert_kept(&coordinator);
}

#[test]
fn readers_who_take_nothing_keep_nobody_from_reading() {
    let deployment = Deployment::new();
    let mut manifest = deployment.manifest();
    // More than the windows of a client take in.
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        let policy = [b"package agent_policy\n# ", name.as_bytes(), &[b'x'; 250_000]].concat();
        deployment.write_policy(name, &policy);
        manifest = manifest.workload(&policy, name, None);
    }
    manifest.write(&deployment.manifest_path());
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let runtime = Runtime::new().unwrap();
    let answers: Vec<_> = (0..20)
        .map(|_| {
            let mut channel = runtime.block_on(connect(coordinator.user_api));
            let empty = http_body_util::Full::new(Bytes::from_static(&[0; 5]));
            let request = http::Request::post(GET_HISTORY).header("content-type", "application/grpc");
            runtime.spawn(channel.call(request.body(Body::new(empty)).unwrap()))
        })
        .collect();
    serves_honest_clients(&deployment, &coordinator);
    assert_kept(&coordinator);
    drop(answers);
}

#[test]
fn silent_connections_end_soon_and_keep_nobody_out() {
    let (deployment, coordinator) = set_up();
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: Some(8192),
            ..rustix::process::getrlimit(rustix::process::Resource::Nofile)
        },
    )
    .unwrap();
    let mut silent: Vec<TcpStream> = [coordinator.user_api, coordinator.mesh_api]
        .iter()
        .flat_map(|api| (0..2400).map(move |_| TcpStream::connect(api).unwrap()))
        .collect();
    serves_honest_clients(&deployment, &coordinator);
    let mut newest = silent.pop().unwrap();
    newest.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(newest.read(&mut [0]).unwrap(), 0, "a ClientHello is due at once");
    assert_kept(&coordinator);
}

#[test]
fn five_hundred_pods_behind_one_address_all_get_their_certificates() {
    let (deployment, coordinator) = set_up();
    let processor = Processor::open(&deployment.simulator).unwrap();
    let policy = std::fs::read(deployment.policy_file("web")).unwrap();
    let attester: Arc<dyn Attester> = Arc::new(processor.attester(Sha256::digest(&policy).into()));
    let runtime = Runtime::new().unwrap();
    let chains = runtime.block_on(async {
        let pods: Vec<_> = (0..500)
            .map(|_| {
                let connector = Connector::new(Identity::Fresh, Some(Arc::clone(&attester)), Arc::from([]));
                let api = coordinator.mesh_api.to_string();
                let connector = connector.with_timeout(PATIENCE * 4);
                tokio::spawn(async move {
                    let deadline = Instant::now() + PATIENCE * 4;
                    // A pod whose connection breaks tries again, as initializers do.
                    loop {
                        let channel = match grpc::channel(&api, &connector).await {
                            Err(error) if error.is_transient() && Instant::now() < deadline => continue,
                            other => other.map_err(|error| error.to_string())?,
                        };
                        match MeshApiClient::new(channel).new_mesh_cert(NewMeshCertRequest {}).await {
                            Ok(answer) => return Ok(answer.into_inner().cert_chain),
                            Err(status) if status.source().is_some() && Instant::now() < deadline => {}
                            Err(status) => return Err(status.to_string()),
                        }
                    }
                })
            })
            .collect();
        let mut chains = Vec::new();
        for pod in pods {
            chains.push(pod.await.unwrap());
        }
        chains
    });
    let failed: Vec<_> = chains.iter().filter_map(|chain| chain.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} failed, such as {:?}", failed.len(), failed.first());
    assert_kept(&coordinator);
}

#[test]
fn a_stranger_with_a_made_up_past_is_refused_as_a_stranger_and_an_owner_hears_of_it() {
    let (deployment, coordinator) = set_up();
    let owner = || Client::connect(coordinator.user_api, deployment.workload_owner_identity(""));
    for spaces in 1..=2 {
        let mut request = deployment.set_request();
        request.manifest.extend(vec![b' '; spaces]);
        owner().set(request).unwrap();
    }
    let request = || SetManifestRequest { remembered_transition: vec![7; 32], ..deployment.set_request() };
    // For a stranger, nothing is read that could tell.
    let stranger = Client::connect(coordinator.user_api, Identity::Fresh).set(request()).unwrap_err();
    assert!(stranger.message().contains("workload owner"), "{stranger}");
    assert!(!stranger.message().contains("rolled back"), "{stranger}");
    let owner = owner().set(request()).unwrap_err();
    assert!(owner.message().contains("07070707"), "{owner}");
}

#[test]
fn strangers_attack_before_the_first_manifest_and_after_a_restart_and_are_not_in_the_way_of_owners() {
    let deployment = Deployment::new();
    deployment.manifest().write(&deployment.manifest_path());
    let coordinator = deployment.start();
    attack(&coordinator);
    deployment.contrast(&coordinator, "set", &[]).success();
    assert_kept(&coordinator);
    coordinator.kill();
    let coordinator = deployment.start();
    attack(&coordinator);
    deployment.contrast(&coordinator, "recover", &[]).success();
    serves_honest_clients(&deployment, &coordinator);
    assert_kept(&coordinator);
}

/// What strangers send that could become memory, for a second each.
fn attack(coordinator: &Coordinator) {
    const TIME: Duration = Duration::from_secs(1);
    let (user_api, mesh_api) = (coordinator.user_api, coordinator.mesh_api);
    for name in ["manifests", "bodies", "calls"] {
        let attack = ATTACKS.iter().find(|attack| attack.name == name).unwrap();
        let target = Target { user_api, mesh_api, time: TIME, addresses: 1 };
        let sent = let_loose(attack, target, || std::thread::park_timeout(TIME * 2));
        assert!(!sent.starts_with("0 connections"), "{name}: {sent}");
    }
}
