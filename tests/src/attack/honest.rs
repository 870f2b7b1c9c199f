//! Honest clients: each visit is a new connection and one answer that is of use.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use contrast_attestation::{
    Attester,
    atls::{
        Connector, Identity,
        grpc::{self, Channel, MAX_MESSAGE_BYTES},
    },
};
use contrast_proto::{
    meshapi::{NewMeshCertRequest, mesh_api_client::MeshApiClient},
    userapi::{GetHistoryRequest, user_api_client::UserApiClient},
};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::waits::Waits;

/// From one visit to the next. They come whether or not the ones before are through: people do not wait for each other.
const BETWEEN: Duration = Duration::from_millis(50);
/// Most visits to one API at a time.
const AT_ONCE: usize = 64;
/// Before a visit is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// After that a visit has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Those who visit both APIs.
pub(super) struct Honest {
    runtime: Runtime,
    user_api: SocketAddr,
    mesh_api: SocketAddr,
    attester: Arc<dyn Attester>,
}

impl Honest {
    pub(super) fn new(user_api: SocketAddr, mesh_api: SocketAddr, attester: Arc<dyn Attester>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self { runtime: runtime.expect("threads can be started"), user_api, mesh_api, attester }
    }

    /// Visits both APIs for some time, and then waits for the last answers: user API first, then mesh API.
    pub(super) fn visit(&self, time: Duration) -> [Waits; 2] {
        let (user_api, mesh_api, attester) = (self.user_api, self.mesh_api, Arc::clone(&self.attester));
        self.runtime.block_on(async {
            let (users, pods) = tokio::join!(
                again_and_again(time, move || read_history(user_api)),
                again_and_again(time, move || ask_for_certificate(mesh_api, Arc::clone(&attester))),
            );
            [users, pods]
        })
    }

    /// `visits` certificates, one after the other.
    pub(super) fn certificates(&self, visits: usize) {
        self.runtime.block_on(async {
            for _ in 0..visits {
                let answer = ask_for_certificate(self.mesh_api, Arc::clone(&self.attester)).await;
                answer.expect("honest pods get their certificates");
            }
        });
    }
}

async fn again_and_again<Visit>(
    time: Duration,
    visit: impl Fn() -> Visit + Clone + Send + Sync + 'static,
) -> Waits
where
    Visit: Future<Output = Result<(), String>> + Send + 'static,
{
    let mut clock = interval(BETWEEN);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (begin, mut visits, mut going_on) = (Instant::now(), Vec::new(), JoinSet::new());
    while begin.elapsed() < time {
        clock.tick().await;
        while let Some(visit) = going_on.try_join_next() {
            visits.push(visit.expect("no visit panics"));
        }
        if going_on.len() < AT_ONCE {
            going_on.spawn(timed(visit.clone()));
        }
    }
    visits.extend(going_on.join_all().await);
    Waits::of(visits)
}

/// Whoever is cut off comes again, as initializers do; what counts is how long it takes in all.
async fn timed<Visit>(visit: impl Fn() -> Visit) -> Result<Duration, String>
where
    Visit: Future<Output = Result<(), String>>,
{
    let begin = Instant::now();
    let mut reason = format!("no answer within {PATIENCE:?}");
    let answered = async {
        while let Err(error) = visit().await {
            reason = error;
            sleep(PAUSE).await;
        }
    };
    let answered = timeout(PATIENCE, answered).await.is_ok();
    if answered { Ok(begin.elapsed()) } else { Err(reason) }
}

/// What `contrast verify` asks for.
async fn read_history(user_api: SocketAddr) -> Result<(), String> {
    let channel = connect(user_api, None).await?;
    let mut api = UserApiClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let refused = |status: tonic::Status| format!("GetHistory: {status}");
    let mut items = api.get_history(GetHistoryRequest::default()).await.map_err(refused)?.into_inner();
    let mut count = 0;
    while items.message().await.map_err(refused)?.is_some() {
        count += 1;
    }
    // Anchors, a manifest, its events.
    if count >= 4 { Ok(()) } else { Err(format!("GetHistory ended after {count} items")) }
}

/// What an initializer asks for.
async fn ask_for_certificate(mesh_api: SocketAddr, attester: Arc<dyn Attester>) -> Result<(), String> {
    let channel = connect(mesh_api, Some(attester)).await?;
    let answer = MeshApiClient::new(channel).new_mesh_cert(NewMeshCertRequest {}).await;
    let answer = answer.map_err(|status| format!("NewMeshCert: {status}"))?.into_inner();
    if answer.cert_chain.is_empty() { Err("NewMeshCert: no certificate".to_owned()) } else { Ok(()) }
}

async fn connect(api: SocketAddr, attester: Option<Arc<dyn Attester>>) -> Result<Channel, String> {
    let connector = Connector::new(Identity::Fresh, attester, Arc::from([]));
    grpc::channel(&api.to_string(), &connector).await.map_err(|error| error.to_string())
}
