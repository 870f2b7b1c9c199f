//! Mesh certificates per second, against the cryptography of one handshake alone on the same cores.
//!
//! Also shown is what that cryptography comes to with the TCP connection that it needs: no implementation is faster.

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use aws_lc_rs::{
    agreement::{EphemeralPrivateKey, UnparsedPublicKey as PeerKey, X25519, agree_ephemeral},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
        ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm,
        KeyPair, UnparsedPublicKey,
    },
};
use contrast_attestation::{
    Attester,
    atls::{Connector, Identity, grpc},
    simulated::Processor,
};
use contrast_proto::meshapi::{NewMeshCertRequest, mesh_api_client::MeshApiClient};
use contrast_tests::Deployment;
use sha2::{Digest, Sha256};
use tokio::{runtime::Builder, task::JoinSet};

use crate::table::{Bound, Row, median};

/// Clients at a time, on each core.
const CLIENTS: usize = 32;
const CERTIFICATES_EACH: usize = 60;
const ROUNDS: usize = 9;
/// About as long as what is signed in a handshake.
const MESSAGE: [u8; 256] = [7; 256];

/// Real sockets, a new connection each, both sides on the cores of this machine.
pub(crate) fn certificates() -> Row {
    let deployment = Deployment::new();
    let coordinator = deployment.start();
    deployment.contrast(&coordinator, "set", &[]).success();
    let policy = fs::read(deployment.policy_file("web")).expect("it was written");
    let processor = Processor::open(&deployment.simulator).expect("it was made");
    let attester: Arc<dyn Attester> = Arc::new(processor.attester(Sha256::digest(policy).into()));
    let address = coordinator.mesh_api.to_string();
    let processes = [std::process::id(), coordinator.process_id()];
    let (mut ours, mut alone, mut connected, mut busy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = cpu_seconds(processes);
        ours.push(issue_many(&address, &attester));
        busy.push((cpu_seconds(processes) - before) / (cores() * CLIENTS * CERTIFICATES_EACH) as f64);
        alone.push(per_second(handshakes_within));
        connected.push(per_second(connected_handshakes_within));
    }
    // Of the same seconds, because the machine is not equally fast in all of them.
    let shares = ours.iter().zip(&alone).map(|(ours, alone)| ours / alone).collect();
    let [ours, alone, connected, busy, share] = [ours, alone, connected, busy, shares].map(median);
    Row {
        what: "mesh certificates, new connection each".into(),
        measured: format!("{ours:.0} per second, {:.2} ms of CPU time each", busy * 1000.0),
        against: format!(
            "the handshake's cryptography alone: {alone:.0} per second (with its TCP connection: {connected:.0})"
        ),
        value: share,
        bound: Bound::Share(0.6),
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Processor time that these processes have used so far.
fn cpu_seconds(processes: [u32; 2]) -> f64 {
    // Linux counts in hundredths of a second here, whatever its own clock does (proc(5), `stat`).
    const TICKS: f64 = 100.0;
    let ticks = |process: u32| -> f64 {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
        let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum()
    };
    processes.into_iter().map(ticks).sum::<f64>() / TICKS
}

/// Certificates per second. Each core has clients of its own, that need no thread but one.
fn issue_many(address: &str, attester: &Arc<dyn Attester>) -> f64 {
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                let runtime =
                    Builder::new_current_thread().enable_all().build().expect("threads can be started");
                runtime.block_on(async {
                    let mut clients = JoinSet::new();
                    for _ in 0..CLIENTS {
                        clients.spawn(issue_some(address.to_owned(), Arc::clone(attester)));
                    }
                    clients.join_all().await;
                });
            });
        }
    });
    (cores() * CLIENTS * CERTIFICATES_EACH) as f64 / begin.elapsed().as_secs_f64()
}

async fn issue_some(address: String, attester: Arc<dyn Attester>) {
    for _ in 0..CERTIFICATES_EACH {
        let connector = Connector::new(Identity::Fresh, Some(Arc::clone(&attester)), Arc::from([]));
        let channel = grpc::channel(&address, &connector).await.expect("it listens");
        let answer = MeshApiClient::new(channel).new_mesh_cert(NewMeshCertRequest {}).await;
        assert!(!answer.expect("it issues").into_inner().cert_chain.is_empty());
    }
}

/// How often something can be done in a second on all cores. It counts for itself, for a period.
fn per_second(work: fn(Duration) -> u32) -> f64 {
    const PERIOD: Duration = Duration::from_secs(1);
    let counts = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores()).map(|_| scope.spawn(move || work(PERIOD))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).sum::<u32>()
    });
    f64::from(counts) / PERIOD.as_secs_f64()
}

/// The handshake's cryptography, both sides on one thread.
fn handshakes_within(period: Duration) -> u32 {
    let chip = Signer::new(&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1);
    let report = chip.sign();
    count_within(period, || {
        key_exchange();
        for _side in ["server", "client"] {
            certificate_and_proof(&chip);
        }
        appraise_and_issue(&chip, &report);
    })
}

/// The same in two threads with a TCP connection between them, on which the flights of a call travel that nobody can
/// avoid. TLS, HTTP/2 and everything else cost nothing here.
fn connected_handshakes_within(period: Duration) -> u32 {
    const HELLO: usize = 312;
    const CERTIFICATE: usize = 5_800;
    const ANSWER: usize = 4_600;
    let chip = Signer::new(&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1);
    let report = chip.sign();
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            // The last connection says nothing.
            while let Ok((mut client, _)) = listener.accept() {
                if receive(&mut client, HELLO).is_err() {
                    return;
                }
                key_exchange();
                certificate_and_proof(&chip);
                send(&mut client, CERTIFICATE);
                receive(&mut client, CERTIFICATE).expect("the client goes on");
                appraise_and_issue(&chip, &report);
                send(&mut client, ANSWER);
            }
        });
        let count = count_within(period, || {
            let mut server = TcpStream::connect(address).expect("it listens");
            send(&mut server, HELLO);
            receive(&mut server, CERTIFICATE).expect("the server goes on");
            certificate_and_proof(&chip);
            send(&mut server, CERTIFICATE);
            receive(&mut server, ANSWER).expect("the server goes on");
        });
        drop(TcpStream::connect(address));
        serving.join().expect("the server does not panic");
        count
    })
}

fn send(stream: &mut TcpStream, bytes: usize) {
    stream
        .set_nodelay(true)
        .and_then(|()| stream.write_all(&vec![7; bytes]))
        .expect("the other side listens");
}

fn receive(stream: &mut TcpStream, bytes: usize) -> io::Result<()> {
    stream.read_exact(&mut vec![0; bytes])
}

fn count_within(period: Duration, mut work: impl FnMut()) -> u32 {
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < period {
        work();
        count += 1;
    }
    count
}

/// What either side makes, and what the other side checks of it.
fn certificate_and_proof(chip: &Signer) {
    let tls = Signer::new(&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_ASN1);
    let _self_signed_certificate = tls.sign();
    let _report = chip.sign();
    tls.verify(&tls.sign());
}

/// The Coordinator appraises the client's report and issues the leaf.
fn appraise_and_issue(chip: &Signer, report: &[u8]) {
    chip.verify(report);
    let _leaf = chip.sign();
}

fn key_exchange() {
    let random = SystemRandom::new();
    let [client, server] =
        [(); 2].map(|()| EphemeralPrivateKey::generate(&X25519, &random).expect("there is randomness"));
    let [for_server, for_client] =
        [&client, &server].map(|key| PeerKey::new(&X25519, key.compute_public_key().expect("it has one")));
    for (mine, theirs) in [(client, for_client), (server, for_server)] {
        agree_ephemeral(mine, theirs, (), |_| Ok(())).expect("they agree");
    }
}

struct Signer {
    key: EcdsaKeyPair,
    verifying: &'static EcdsaVerificationAlgorithm,
}

impl Signer {
    fn new(signing: &'static EcdsaSigningAlgorithm, verifying: &'static EcdsaVerificationAlgorithm) -> Self {
        Self { key: EcdsaKeyPair::generate(signing).expect("there is randomness"), verifying }
    }

    fn sign(&self) -> Vec<u8> {
        let signature = self.key.sign(&SystemRandom::new(), &MESSAGE).expect("there is randomness");
        signature.as_ref().to_vec()
    }

    fn verify(&self, signature: &[u8]) {
        let key = UnparsedPublicKey::new(self.verifying, self.key.public_key().as_ref());
        key.verify(&MESSAGE, signature).expect("it was just signed");
    }
}
