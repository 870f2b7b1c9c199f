//! Mesh certificates per second, against the cryptography of one handshake alone on the same cores.

use std::{
    fs,
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
use tokio::{runtime::Runtime, task::JoinSet};

use crate::table::{Bound, Row, median};

const CLIENTS: usize = 8;
const CERTIFICATES_EACH: usize = 100;
const ROUNDS: usize = 3;
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
    let runtime = Runtime::new().expect("threads can be started");
    let address = coordinator.mesh_api.to_string();
    let processes = [std::process::id(), coordinator.process_id()];
    let (mut ours, mut theirs, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = cpu_seconds(processes);
        ours.push(runtime.block_on(issue_many(&address, &attester)));
        busy.push((cpu_seconds(processes) - before) / (CLIENTS * CERTIFICATES_EACH) as f64);
        theirs.push(handshakes_alone());
    }
    let (ours, theirs, busy) = (median(ours), median(theirs), median(busy));
    Row {
        what: "mesh certificates, new connection each".into(),
        measured: format!("{ours:.0} per second, {:.2} ms of CPU time each", busy * 1000.0),
        against: format!("the handshake's cryptography alone: {theirs:.0} per second"),
        value: ours / theirs,
        bound: Bound::Share(0.6),
    }
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

/// Certificates per second.
async fn issue_many(address: &str, attester: &Arc<dyn Attester>) -> f64 {
    let begin = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, attester) = (address.to_owned(), Arc::clone(attester));
        clients.spawn(async move {
            for _ in 0..CERTIFICATES_EACH {
                let connector = Connector::new(Identity::Fresh, Some(Arc::clone(&attester)), Arc::from([]));
                let channel = grpc::channel(&address, &connector).await.expect("it listens");
                let answer = MeshApiClient::new(channel).new_mesh_cert(NewMeshCertRequest {}).await;
                assert!(!answer.expect("it issues").into_inner().cert_chain.is_empty());
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.expect("no client panics");
    }
    (CLIENTS * CERTIFICATES_EACH) as f64 / begin.elapsed().as_secs_f64()
}

/// Handshakes per second, if they were nothing but cryptography and ran on all cores.
fn handshakes_alone() -> f64 {
    const PERIOD: Duration = Duration::from_secs(3);
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let counts = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(|| handshakes_within(PERIOD))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).sum::<u32>()
    });
    f64::from(counts) / PERIOD.as_secs_f64()
}

fn handshakes_within(period: Duration) -> u32 {
    let chip = Signer::new(&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1);
    let report = chip.sign();
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < period {
        key_exchange();
        for _side in ["server", "client"] {
            let tls = Signer::new(&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_ASN1);
            let _self_signed_certificate = tls.sign();
            let _report = chip.sign();
            tls.verify(&tls.sign());
        }
        // The Coordinator appraises the client's report and issues the leaf.
        chip.verify(&report);
        let _leaf = chip.sign();
        count += 1;
    }
    count
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
