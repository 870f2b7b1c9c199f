//! The user API: what the CLI can ask for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use contrast_manifest::{ManifestDocument, NO_TRANSITION, SeedConsent};
use contrast_proto::{
    events::v1 as events,
    userapi::{
        GetHistoryRequest, GetManifestsRequest, GetManifestsResponse, GetSeedSharesRequest,
        GiveSeedConsentRequest, GiveSeedConsentResponse, HistoryItem, LatestTransition, RecoverRequest,
        RecoverResponse, SeedShareDocument, SetManifestRequest, SetManifestResponse,
        user_api_server::UserApi,
    },
};
use sha2::{Digest as _, Sha256};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use crate::{
    authority::{Active, Authority, Phase},
    command::{Caller, SetManifest},
    event::{self, Digest, EventError},
    history::{self, Contents},
    listener::ConnectionInfo,
    metrics::{Method, Metrics},
    recovery::{self, RecoveryRequest},
    refusal::Refusal,
    seed::Seed,
};

/// Readers of the whole history at one time; each costs memory and disk reads, and anybody may ask.
const MAX_HISTORY_READERS: usize = 4;
/// Longest wait for a place to read, and longest wait of a place for its reader.
const READER_PATIENCE: Duration = Duration::from_secs(20);

/// Serves [`UserApi`].
pub struct UserService {
    authority: Arc<Authority>,
    /// Where commands are carried out: on the runtime that waits for them when the program stops.
    commands: Handle,
    metrics: Arc<Metrics>,
    history_readers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
}

impl UserService {
    /// Serves what the authority publishes, and hands it the commands on threads of the runtime `commands`.
    #[must_use]
    pub fn new(authority: Arc<Authority>, metrics: Arc<Metrics>, commands: Handle) -> Self {
        Self {
            authority,
            commands,
            metrics,
            history_readers: Arc::new(Semaphore::new(MAX_HISTORY_READERS)),
            writers: Arc::new(Semaphore::new(1)),
        }
    }
}

#[tonic::async_trait]
impl UserApi for UserService {
    type GetHistoryStream = ReceiverStream<Result<HistoryItem, Status>>;

    async fn set_manifest(
        &self,
        request: Request<SetManifestRequest>,
    ) -> Result<Response<SetManifestResponse>, Status> {
        self.metrics.observe(unary("SetManifest"), self.set(request)).await
    }

    async fn get_manifests(
        &self,
        _: Request<GetManifestsRequest>,
    ) -> Result<Response<GetManifestsResponse>, Status> {
        self.metrics.observe(unary("GetManifests"), self.manifests()).await
    }

    async fn recover(&self, request: Request<RecoverRequest>) -> Result<Response<RecoverResponse>, Status> {
        self.metrics.observe(unary("Recover"), self.unlock(request)).await
    }

    async fn get_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<Response<Self::GetHistoryStream>, Status> {
        let method = Method { kind: "server_stream", ..unary("GetHistory") };
        self.metrics.observe(method, self.stream_history(request.into_inner())).await
    }

    async fn get_seed_shares(
        &self,
        _: Request<GetSeedSharesRequest>,
    ) -> Result<Response<SeedShareDocument>, Status> {
        self.metrics.observe(unary("GetSeedShares"), async { self.seed_shares() }).await
    }

    async fn give_seed_consent(
        &self,
        request: Request<GiveSeedConsentRequest>,
    ) -> Result<Response<GiveSeedConsentResponse>, Status> {
        self.metrics.observe(unary("GiveSeedConsent"), self.consent(request.into_inner())).await
    }
}

impl UserService {
    async fn set(&self, request: Request<SetManifestRequest>) -> Result<SetManifestResponse, Refusal> {
        // Nobody has to wait for a long recovery to hear this: it has the turn to write.
        self.authority.refuse_while_locked()?;
        let seen = self.authority.latest_transition();
        let caller = caller(&request);
        let request = request.into_inner();
        let expected_previous = optional_digest(&request.previous_transition_hash, "PreviousTransitionHash")?;
        let seed_consent = request.seed_consent.map(read_consent).transpose()?;
        let remembered = optional_digest(&request.remembered_transition, "remembered_transition")?;
        // Whoever wants to follow a transition has seen it, too.
        let missing = self.missing([remembered, expected_previous]).await?;
        let authority = Arc::clone(&self.authority);
        let turn = self.turn_to_write().await?;
        // Parsing, signing and syncing block; and a client that hangs up must not stop them half-way.
        let active = on_blocking_thread(&self.commands, move || {
            let _turn = turn;
            authority.set_manifest(SetManifest {
                manifest: ManifestDocument::parse(request.manifest)?,
                policies: by_digest(request.policies),
                seen,
                missing,
                expected_previous,
                caller,
                signature: (!request.signature.is_empty()).then_some(request.signature),
                seed_consent,
            })
        })
        .await?;
        Ok(SetManifestResponse {
            root_ca: active.lasting.root_ca.clone().into_bytes(),
            mesh_ca: active.ca.certificates().mesh_ca.clone().into_bytes(),
            seed_shares_doc: (active.state.manifests == 1).then(|| (*active.seed_shares).clone()),
            latest_transition: latest_transition(&active),
        })
    }

    /// The first of some transitions that a client knows and the history does not contain.
    ///
    /// No index of transitions is kept, since it would grow with the history. Who knows the latest state has its answer
    /// at once; whoever stayed away for longer makes the log be read, in a reader's place.
    async fn missing(&self, known: [Option<Digest>; 2]) -> Result<Option<Digest>, Refusal> {
        for transition in known.into_iter().flatten().filter(|transition| *transition != NO_TRANSITION) {
            let contained = match self.authority.phase() {
                Phase::Uninitialised => false,
                Phase::Locked(_) => return Err(Refusal::Locked),
                Phase::Active(active) => {
                    active.state.is_recent(&transition)
                        || self.read_history(move |active| history::contains(active, &transition)).await?
                }
            };
            if !contained {
                return Ok(Some(transition));
            }
        }
        Ok(None)
    }

    async fn manifests(&self) -> Result<GetManifestsResponse, Refusal> {
        self.read_history(|active| {
            let Contents { manifests, policies } = history::contents(active)?;
            Ok(GetManifestsResponse {
                manifests,
                policies,
                root_ca: active.lasting.root_ca.clone().into_bytes(),
                mesh_ca: active.ca.certificates().mesh_ca.clone().into_bytes(),
                latest_transition: latest_transition(active),
            })
        })
        .await
    }

    async fn unlock(&self, request: Request<RecoverRequest>) -> Result<RecoverResponse, Refusal> {
        let expected_transition =
            optional_digest(&request.get_ref().expected_transition, "expected_transition")?;
        match self.authority.phase() {
            Phase::Uninitialised => return Err(recovery::nothing_to_recover(expected_transition)),
            Phase::Active(_) => return Err(Refusal::AlreadyActive),
            Phase::Locked(_) => {}
        }
        let caller = caller(&request).ok_or(Refusal::NotASeedShareOwner)?.digest;
        let request = request.into_inner();
        let seed = Seed::from_parts(Zeroizing::new(request.seed), &request.salt)?;
        let authority = Arc::clone(&self.authority);
        let turn = self.turn_to_write().await?;
        let active = on_blocking_thread(&self.commands, move || {
            let _turn = turn;
            authority.recover(RecoveryRequest { seed, expected_transition, caller })
        })
        .await?;
        tracing::info!(manifests = active.state.manifests, "recovered");
        Ok(RecoverResponse { latest_transition: latest_transition(&active) })
    }

    async fn consent(&self, request: GiveSeedConsentRequest) -> Result<GiveSeedConsentResponse, Refusal> {
        self.authority.refuse_while_locked()?;
        let malformed = Refusal::ConsentForm(EventError::Malformed("Consent"));
        let consent = read_consent(request.consent.ok_or(malformed)?)?;
        let authority = Arc::clone(&self.authority);
        let turn = self.turn_to_write().await?;
        on_blocking_thread(&self.commands, move || {
            let _turn = turn;
            authority.give_seed_consent(consent)
        })
        .await?;
        Ok(GiveSeedConsentResponse {})
    }

    async fn stream_history(
        &self,
        request: GetHistoryRequest,
    ) -> Result<ReceiverStream<Result<HistoryItem, Status>>, Refusal> {
        let place = self.place_to_read().await?;
        let active = self.authority.active()?;
        let (items, receiver) = mpsc::channel(8);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            // A reader that takes nothing for so long would keep others out.
            let send = |item| runtime.block_on(items.send_timeout(item, READER_PATIENCE)).is_ok();
            let streamed =
                history::stream(&active, &request, |item| send(Ok(HistoryItem { item: Some(item) })));
            if let Err(refusal) = streamed {
                send(Err(refusal.into()));
            }
        });
        Ok(ReceiverStream::new(receiver))
    }

    /// Reads the history of the present state. The work goes on, and its place stays taken, if the client hangs up.
    async fn read_history<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Active) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.place_to_read().await?;
        let active = self.authority.active()?;
        on_blocking_thread(&Handle::current(), move || {
            let _place = place;
            read(&active)
        })
        .await
    }

    async fn place_to_read(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = Arc::clone(&self.history_readers).acquire_owned();
        tokio::time::timeout(READER_PATIENCE, place)
            .await
            .map_err(|_| Refusal::Busy)?
            .map_err(|_| Refusal::Interrupted)
    }

    /// One command at a time may take a thread: those that wait for the authority would take all others'.
    async fn turn_to_write(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.writers).acquire_owned().await.map_err(|_| Refusal::Interrupted)
    }

    fn seed_shares(&self) -> Result<SeedShareDocument, Refusal> {
        match self.authority.phase() {
            Phase::Uninitialised => Err(Refusal::NoManifest),
            Phase::Locked(shares) => Ok((*shares).clone()),
            Phase::Active(active) => Ok((*active.seed_shares).clone()),
        }
    }
}

/// The names of the client's key, if it is of a kind that owners have.
fn caller<T>(request: &Request<T>) -> Option<Caller> {
    let info = request.extensions().get::<Arc<ConnectionInfo>>()?;
    let certificate = info.peer.certificate.as_ref()?;
    Some(Caller {
        digest: Sha256::digest(certificate.owner_key_der()?).into(),
        spki_digest: Sha256::digest(&certificate.spki_der).into(),
    })
}

fn by_digest(policies: Vec<Vec<u8>>) -> BTreeMap<Digest, Vec<u8>> {
    policies.into_iter().map(|policy| (Sha256::digest(&policy).into(), policy)).collect()
}

fn read_consent(consent: events::SeedConsent) -> Result<SeedConsent, Refusal> {
    event::consent(consent).map_err(Refusal::ConsentForm)
}

fn optional_digest(bytes: &[u8], field: &'static str) -> Result<Option<Digest>, Refusal> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let digest =
        bytes.try_into().map_err(|_| Refusal::FieldLength { field, expected: 32, found: bytes.len() })?;
    Ok(Some(digest))
}

fn latest_transition(active: &Active) -> Option<LatestTransition> {
    let latest = active.state.latest.as_ref()?;
    Some(LatestTransition {
        transition_hash: latest.transition.to_vec(),
        signature: latest.signature.clone(),
    })
}

/// Does what blocks on a thread of `runtime` that may; it goes on if nobody waits for it any more.
pub(crate) async fn on_blocking_thread<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    runtime.spawn_blocking(work).await.map_err(|_| Refusal::Interrupted)?
}

fn unary(name: &'static str) -> Method {
    Method { service: "edgelesssys.contrast.userapi.UserAPI", name, kind: "unary" }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use contrast_attestation::collateral::Collaterals;
    use contrast_store::faults::Medium;

    use super::*;

    /// A Coordinator after a restart.
    fn locked() -> Arc<Authority> {
        let medium = Medium::new();
        let contrast_store::Opened::Empty(log) = contrast_store::open(medium.open()).unwrap() else {
            panic!("a new medium is empty")
        };
        let content = contrast_store::Append { events: vec![b"event".to_vec()], blobs: Vec::new() };
        assert!(log.initialize(&[7; 64], [8; 32], Vec::new(), content).is_ok());
        Authority::new(contrast_store::open(medium.open()).unwrap(), Collaterals::offline()).unwrap()
    }

    #[tokio::test]
    async fn a_set_hears_at_once_that_it_is_locked_while_a_recovery_has_the_turn() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let service = UserService::new(locked(), metrics, Handle::current());
        let _recovery = service.turn_to_write().await.unwrap();
        let mut set = pin!(service.set(Request::new(SetManifestRequest::default())));
        let heard = set.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(heard, Poll::Ready(Err(Refusal::Locked))));
    }
}
