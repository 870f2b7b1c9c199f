//! The user API: what the CLI can ask for.

use std::{collections::BTreeMap, sync::Arc};

use contrast_manifest::{ManifestDocument, NO_TRANSITION, SeedConsent, transition_hash};
use contrast_proto::{
    events::v1 as events,
    userapi::{
        GetHistoryRequest, GetManifestsRequest, GetManifestsResponse, GetSeedSharesRequest,
        GiveSeedConsentRequest, GiveSeedConsentResponse, HistoryItem, LatestTransition, RecoverRequest,
        RecoverResponse, SeedShareDocument, SetManifestRequest, SetManifestResponse, history_item::Item,
        user_api_server::UserApi,
    },
};
use sha2::{Digest as _, Sha256};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, body::Body, codegen::http};
use zeroize::Zeroizing;

use crate::{
    authority::{Active, Authority, Phase},
    command::{Caller, SetManifest},
    crowd::Address,
    event::{self, Digest, EventError},
    history::{self, Met, View, Walk},
    limits::{ANSWER_PATIENCE, KEPT, READERS, REQUEST_PATIENCE, WAITING_ANSWERS, WAITING_REQUESTS},
    listener::ConnectionInfo,
    manifests,
    metrics::{Method, Metrics},
    recovery::{self, RecoveryRequest},
    refusal::Refusal,
    seed::Seed,
    state::RECENT,
    turns::{Turn, Turns},
};

const SERVICE: &str = "edgelesssys.contrast.userapi.UserAPI";

/// What was so when a request arrived, before it waited to be read.
#[derive(Clone)]
pub struct Arrival {
    /// The latest transition; zeros: none. An update by somebody else between then and its own turn refuses the request.
    pub seen: Digest,
    /// The turn in which its bytes are in memory.
    pub turn: Arc<Turn>,
}

/// Serves [`UserApi`].
pub struct UserService {
    /// What it serves.
    pub authority: Arc<Authority>,
    /// Where commands are carried out: on the runtime that waits for them when the program stops.
    commands: Handle,
    /// Counts calls.
    pub metrics: Arc<Metrics>,
    readers: Arc<Turns>,
    writers: Arc<Turns>,
    /// Bytes of contents that may be kept for answers.
    kept: Arc<Semaphore>,
}

impl UserService {
    /// Serves what the authority publishes, and hands it the commands on threads of the runtime `commands`.
    #[must_use]
    pub fn new(authority: Arc<Authority>, metrics: Arc<Metrics>, commands: Handle) -> Self {
        Self {
            authority,
            commands,
            metrics,
            readers: Turns::new(READERS, WAITING_ANSWERS, ANSWER_PATIENCE),
            // One command at a time may take a thread: those that wait for the authority would take all others'.
            writers: Turns::new(1, 2 * WAITING_REQUESTS, REQUEST_PATIENCE),
            kept: Arc::new(Semaphore::new(KEPT)),
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
        self.metrics.observe(method("SetManifest"), self.set(request)).await
    }

    /// Never asked: [`UserService::manifests_in_pieces`] answers, which needs no room for the whole answer.
    async fn get_manifests(
        &self,
        _: Request<GetManifestsRequest>,
    ) -> Result<Response<GetManifestsResponse>, Status> {
        Err(Refusal::Interrupted.into())
    }

    async fn recover(&self, request: Request<RecoverRequest>) -> Result<Response<RecoverResponse>, Status> {
        self.metrics.observe(method("Recover"), self.unlock(request)).await
    }

    async fn get_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<Response<Self::GetHistoryStream>, Status> {
        self.metrics.observe(method("GetHistory"), self.stream_history(request)).await
    }

    async fn get_seed_shares(
        &self,
        _: Request<GetSeedSharesRequest>,
    ) -> Result<Response<SeedShareDocument>, Status> {
        self.metrics.observe(method("GetSeedShares"), async { self.seed_shares() }).await
    }

    async fn give_seed_consent(
        &self,
        request: Request<GiveSeedConsentRequest>,
    ) -> Result<Response<GiveSeedConsentResponse>, Status> {
        self.metrics.observe(method("GiveSeedConsent"), self.consent(request)).await
    }
}

impl UserService {
    async fn set(&self, request: Request<SetManifestRequest>) -> Result<SetManifestResponse, Refusal> {
        // Nobody has to wait for a long recovery to hear this: it has the turn to write.
        self.authority.refuse_while_locked()?;
        let Arrival { seen, turn: of_its_bytes } =
            request.extensions().get().cloned().ok_or(Refusal::Interrupted)?;
        let (caller, address) = (caller(&request), address(&request)?);
        let mut request = request.into_inner();
        let expected_previous = optional_digest(&request.previous_transition_hash, "PreviousTransitionHash")?;
        let seed_consent = request.seed_consent.take().map(read_consent).transpose()?;
        let remembered = optional_digest(&request.remembered_transition, "remembered_transition")?;
        // Whoever wants to follow a transition has seen it, too.
        let known = [remembered, expected_previous].into_iter().flatten();
        let known = known.filter(|transition| *transition != NO_TRANSITION).collect();
        let (request, missing) = self.missing(known, address, caller, request).await?;
        let authority = Arc::clone(&self.authority);
        let turn = self.writers.take(address).await?;
        // Parsing, signing and syncing block; and a client that hangs up must not stop them half-way.
        let active = on_blocking_thread(&self.commands, move || {
            let _turns = (turn, of_its_bytes);
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
    /// at once; an owner who stayed away for longer makes the log be read, in a reader's place. For others it is not read:
    /// they are refused for another reason.
    async fn missing(
        &self,
        mut known: Vec<Digest>,
        address: Address,
        caller: Option<Caller>,
        request: SetManifestRequest,
    ) -> Result<(SetManifestRequest, Option<Digest>), Refusal> {
        let active = match self.authority.phase() {
            Phase::Uninitialised => return Ok((request, known.first().copied())),
            Phase::Locked(_) => return Err(Refusal::Locked),
            Phase::Active(active) => active,
        };
        known.retain(|transition| !active.state.is_recent(transition));
        if known.is_empty() || active.state.manifests <= RECENT {
            return Ok((request, known.first().copied()));
        }
        // A large manifest and many owners take their time, whoever sends them.
        let (request, known, may_be_owner) = on_blocking_thread(&Handle::current(), {
            let active = Arc::clone(&active);
            move || {
                let may_be_owner = may_be_owner(&active, caller, &request, &known);
                Ok((request, known, may_be_owner))
            }
        })
        .await?;
        if !may_be_owner {
            return Ok((request, None));
        }
        for transition in known {
            let active = Arc::clone(&active);
            if !self.read(address, move || history::contains(&active, &transition)).await? {
                return Ok((request, Some(transition)));
            }
        }
        Ok((request, None))
    }

    /// Answers GetManifests, as [`manifests`] says. The headers come when its length is known.
    pub async fn manifests_in_pieces(&self, info: &ConnectionInfo) -> http::Response<Body> {
        let address = info.visitor.address;
        match self.metrics.observe(method("GetManifests"), self.stream_manifests(address)).await {
            Ok(pieces) => manifests::response(pieces.into_inner()),
            Err(status) => status.into_http(),
        }
    }

    async fn stream_manifests(
        &self,
        address: Address,
    ) -> Result<mpsc::Receiver<Result<Vec<u8>, Status>>, Refusal> {
        let active = self.authority.active()?;
        let rest = GetManifestsResponse {
            root_ca: active.lasting.root_ca.clone().into_bytes(),
            mesh_ca: active.ca.certificates().mesh_ca.clone().into_bytes(),
            latest_transition: latest_transition(&active),
            ..Default::default()
        };
        let begin = || Walk::new(Arc::clone(&active), View::Contents, 0, Arc::clone(&self.kept));
        let (mut walk, mut length) = (begin(), manifests::Length::new(&rest));
        loop {
            let (walked, lengths) =
                self.read(address, move || walk.measure().map(|lengths| (walk, lengths))).await?;
            if lengths.is_empty() {
                break;
            }
            lengths.into_iter().try_for_each(|content| length.add(content))?;
            walk = walked;
        }
        let frames = length.frames()?;
        let one = |step| std::iter::once(manifests::encode(step));
        Ok(self.stream(address, begin(), frames.first, one, Some(frames.last)))
    }

    async fn unlock(&self, request: Request<RecoverRequest>) -> Result<RecoverResponse, Refusal> {
        let expected_transition =
            optional_digest(&request.get_ref().expected_transition, "expected_transition")?;
        match self.authority.phase() {
            Phase::Uninitialised => return Err(recovery::nothing_to_recover(expected_transition)),
            Phase::Active(_) => return Err(Refusal::AlreadyActive),
            Phase::Locked(_) => {}
        }
        let caller = caller(&request).ok_or(Refusal::NotASeedShareOwner)?;
        // Whoever can only be refused does not keep an owner waiting.
        if !self.authority.is_owner(&caller) {
            return Err(Refusal::NotASeedShareOwner);
        }
        let (caller, address) = (caller.digest, address(&request)?);
        let request = request.into_inner();
        let seed = Seed::from_parts(Zeroizing::new(request.seed), &request.salt)?;
        let authority = Arc::clone(&self.authority);
        let turn = self.writers.take(address).await?;
        let active = on_blocking_thread(&self.commands, move || {
            let _turn = turn;
            authority.recover(RecoveryRequest { seed, expected_transition, caller })
        })
        .await?;
        tracing::info!(manifests = active.state.manifests, "recovered");
        Ok(RecoverResponse { latest_transition: latest_transition(&active) })
    }

    async fn consent(
        &self,
        request: Request<GiveSeedConsentRequest>,
    ) -> Result<GiveSeedConsentResponse, Refusal> {
        self.authority.refuse_while_locked()?;
        let (address, request) = (address(&request)?, request.into_inner());
        let malformed = Refusal::ConsentForm(EventError::Malformed("Consent"));
        let consent = read_consent(request.consent.ok_or(malformed)?)?;
        let authority = Arc::clone(&self.authority);
        let turn = self.writers.take(address).await?;
        on_blocking_thread(&self.commands, move || {
            let _turn = turn;
            authority.give_seed_consent(consent)
        })
        .await?;
        Ok(GiveSeedConsentResponse {})
    }

    async fn stream_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<ReceiverStream<Result<HistoryItem, Status>>, Refusal> {
        let address = address(&request)?;
        let GetHistoryRequest { from_position, events_only } = *request.get_ref();
        let active = self.authority.active()?;
        let first = HistoryItem { item: Some(Item::Anchors(history::anchors(&active))) };
        let view = if events_only { View::Events } else { View::Everything };
        let items = |step: Vec<Met>| step.into_iter().map(|met| HistoryItem { item: Some(met.into()) });
        let walk = Walk::new(active, view, from_position, Arc::clone(&self.kept));
        Ok(ReceiverStream::new(self.stream(address, walk, first, items, None)))
    }

    /// Sends what comes of a `walk` through the history, one step after the other, between `first` and `last`. A step is
    /// not made before what came of the one before it is on its way: a slow reader costs no turn, and no more memory.
    fn stream<T, Items>(
        &self,
        address: Address,
        mut walk: Walk,
        first: T,
        items_of: impl Fn(Vec<Met>) -> Items + Send + 'static,
        last: Option<T>,
    ) -> mpsc::Receiver<Result<T, Status>>
    where
        T: Send + 'static,
        Items: Iterator<Item = T> + Send,
    {
        let (items, receiver) = mpsc::channel(1);
        let readers = Arc::clone(&self.readers);
        // Ends when nobody listens any more.
        tokio::spawn(async move {
            let mut next = vec![first];
            loop {
                for item in next {
                    items.send(Ok(item)).await.ok()?;
                }
                drop(items.reserve().await.ok()?);
                let step = async {
                    let turn = readers.take(address).await?;
                    in_turn(turn, move || walk.step().map(|step| (walk, step))).await
                };
                match step.await {
                    Ok((_, step)) if step.is_empty() => break,
                    Ok((walked, step)) => (walk, next) = (walked, items_of(step).collect()),
                    Err(refusal) => return items.send(Err(refusal.into())).await.ok(),
                }
            }
            match last {
                Some(last) => items.send(Ok(last)).await.ok(),
                None => Some(()),
            }
        });
        receiver
    }

    /// Reads the history. The work goes on, and its turn stays taken, if the client hangs up.
    async fn read<T: Send + 'static>(
        &self,
        address: Address,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        in_turn(self.readers.take(address).await?, work).await
    }

    fn seed_shares(&self) -> Result<SeedShareDocument, Refusal> {
        match self.authority.phase() {
            Phase::Uninitialised => Err(Refusal::NoManifest),
            Phase::Locked(shares) => Ok((*shares).clone()),
            Phase::Active(active) => Ok((*active.seed_shares).clone()),
        }
    }
}

/// Whether the sender of a manifest has shown that it is an owner: by its TLS key, or by its signature over the transition
/// that the manifest would make after the latest one, or after one that it knows. Blocks.
fn may_be_owner(
    active: &Active,
    caller: Option<Caller>,
    request: &SetManifestRequest,
    known: &[Digest],
) -> bool {
    let owners = &active.manifest.manifest().workload_owners;
    if caller.is_some_and(|caller| owners.iter().any(|owner| owner.digest() == caller.digest)) {
        return true;
    }
    if request.signature.is_empty() {
        return false;
    }
    let manifest = Sha256::digest(&request.manifest).into();
    let latest = active.state.latest_transition().unwrap_or_default();
    let mut previous = known.iter().chain([&latest]);
    previous
        .any(|previous| owners.signer(&transition_hash(manifest, *previous), &request.signature).is_some())
}

/// The names of the client's key, if it is of a kind that owners have.
fn caller<T>(request: &Request<T>) -> Option<Caller> {
    request.extensions().get::<Arc<ConnectionInfo>>()?.caller
}

fn address<T>(request: &Request<T>) -> Result<Address, Refusal> {
    let info = request.extensions().get::<Arc<ConnectionInfo>>().ok_or(Refusal::Interrupted)?;
    Ok(info.visitor.address)
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

async fn in_turn<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    on_blocking_thread(&Handle::current(), move || {
        let _turn = turn;
        work()
    })
    .await
}

/// Does what blocks on a thread of `runtime` that may; it goes on if nobody waits for it any more.
pub(crate) async fn on_blocking_thread<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    runtime.spawn_blocking(work).await.map_err(|_| Refusal::Interrupted)?
}

/// The method with this name or path, as it is counted.
pub(crate) fn method(path: &str) -> Method {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let known = ["SetManifest", "GetManifests", "Recover", "GetHistory", "GetSeedShares", "GiveSeedConsent"];
    let name = known.into_iter().find(|known| *known == name).unwrap_or("unknown");
    let kind = if name == "GetHistory" { "server_stream" } else { "unary" };
    Method { service: SERVICE, name, kind }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
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
        Authority::new(contrast_store::open(medium.open()).unwrap(), Collaterals::offline(), None).unwrap()
    }

    #[tokio::test]
    async fn a_set_hears_at_once_that_it_is_locked_while_a_recovery_has_the_turn() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let service = UserService::new(locked(), metrics, Handle::current());
        let _recovery = service.writers.take(Address::from(IpAddr::from(Ipv4Addr::LOCALHOST))).await.unwrap();
        let mut set = pin!(service.set(Request::new(SetManifestRequest::default())));
        let heard = set.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(heard, Poll::Ready(Err(Refusal::Locked))));
    }
}
