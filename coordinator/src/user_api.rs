//! The user API: what the CLI can ask for.

use std::{collections::BTreeMap, sync::Arc};

use contrast_manifest::ManifestDocument;
use contrast_proto::userapi::{
    GetHistoryRequest, GetManifestsRequest, GetManifestsResponse, GetSeedSharesRequest, HistoryItem,
    LatestTransition, RecoverRequest, RecoverResponse, SeedShareDocument, SetManifestRequest,
    SetManifestResponse, user_api_server::UserApi,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use crate::{
    authority::{Active, Authority, Phase},
    command::SetManifest,
    event::Digest,
    history::{self, Contents},
    listener::ConnectionInfo,
    metrics::{Method, Metrics},
    recovery::RecoveryRequest,
    refusal::Refusal,
    seed::Seed,
};

/// Readers of the whole history at one time; each costs memory and disk reads, and anybody may ask.
const MAX_HISTORY_READERS: usize = 4;

/// Serves [`UserApi`].
pub struct UserService {
    authority: Arc<Authority>,
    metrics: Arc<Metrics>,
    history_readers: Arc<Semaphore>,
}

impl UserService {
    /// Serves what the authority publishes, and hands it the commands.
    #[must_use]
    pub fn new(authority: Arc<Authority>, metrics: Arc<Metrics>) -> Self {
        Self { authority, metrics, history_readers: Arc::new(Semaphore::new(MAX_HISTORY_READERS)) }
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
}

impl UserService {
    async fn set(&self, request: Request<SetManifestRequest>) -> Result<SetManifestResponse, Refusal> {
        let seen = self.authority.latest_transition();
        let caller = caller(&request);
        let request = request.into_inner();
        let expected_previous = optional_digest(&request.previous_transition_hash, "PreviousTransitionHash")?;
        let authority = Arc::clone(&self.authority);
        let metrics = Arc::clone(&self.metrics);
        // Parsing, signing and syncing block; and a client that hangs up must not stop them half-way.
        let active = blocking(move || {
            let set = SetManifest {
                manifest: ManifestDocument::parse(request.manifest)?,
                policies: by_digest(request.policies),
                seen,
                expected_previous,
                caller,
                signature: (!request.signature.is_empty()).then_some(request.signature),
            };
            let active = authority.set_manifest(set)?;
            metrics.manifest_generation.set(i64::try_from(active.state.manifests).unwrap_or(i64::MAX));
            Ok(active)
        })
        .await;
        let active = match active {
            Err(Refusal::TransitionMismatch { expected, latest }) => {
                return Err(self.mismatch_or_rollback(expected, latest).await);
            }
            other => other?,
        };
        Ok(SetManifestResponse {
            root_ca: active.lasting.root_ca.clone().into_bytes(),
            mesh_ca: active.ca.certificates().mesh_ca.clone().into_bytes(),
            seed_shares_doc: (active.state.manifests == 1).then(|| (*active.seed_shares).clone()),
            latest_transition: latest_transition(&active),
        })
    }

    /// A client that expects another latest transition was either overtaken, or has seen a history that this
    /// Coordinator does not have any more.
    async fn mismatch_or_rollback(&self, expected: Digest, latest: Digest) -> Refusal {
        let look = async {
            let active = self.authority.active()?;
            let _place = self.history_readers.acquire().await.map_err(|_| Refusal::Interrupted)?;
            blocking(move || history::contains(&active.history, &expected)).await
        };
        match look.await {
            Ok(false) if expected != Digest::default() => Refusal::RolledBack { expected, latest },
            Ok(_) => Refusal::TransitionMismatch { expected, latest },
            Err(refusal) => refusal,
        }
    }

    async fn manifests(&self) -> Result<GetManifestsResponse, Refusal> {
        let active = self.authority.active()?;
        let _place = self.history_readers.acquire().await.map_err(|_| Refusal::Interrupted)?;
        blocking(move || {
            let Contents { manifests, policies } = history::contents(&active.history)?;
            Ok(GetManifestsResponse {
                manifests,
                policies,
                root_ca: active.lasting.root_ca.clone().into_bytes(),
                mesh_ca: active.ca.certificates().mesh_ca.clone().into_bytes(),
                latest_transition: latest_transition(&active),
            })
        })
        .await
    }

    async fn unlock(&self, request: Request<RecoverRequest>) -> Result<RecoverResponse, Refusal> {
        // Said first, so that nobody sends a seed for nothing.
        match self.authority.phase() {
            Phase::Uninitialised => return Err(Refusal::NoManifest),
            Phase::Active(_) => return Err(Refusal::AlreadyActive),
            Phase::Locked(_) => {}
        }
        let caller = caller(&request).ok_or(Refusal::NotASeedShareOwner)?;
        let request = request.into_inner();
        let seed = Seed::from_parts(Zeroizing::new(request.seed), &request.salt)?;
        let expected_transition = optional_digest(&request.expected_transition, "expected_transition")?;
        let authority = Arc::clone(&self.authority);
        let metrics = Arc::clone(&self.metrics);
        let active = blocking(move || {
            let active = authority.recover(RecoveryRequest { seed, expected_transition, caller })?;
            metrics.manifest_generation.set(i64::try_from(active.state.manifests).unwrap_or(i64::MAX));
            Ok(active)
        })
        .await?;
        tracing::info!(manifests = active.state.manifests, "recovered");
        Ok(RecoverResponse { latest_transition: latest_transition(&active) })
    }

    async fn stream_history(
        &self,
        request: GetHistoryRequest,
    ) -> Result<ReceiverStream<Result<HistoryItem, Status>>, Refusal> {
        let active = self.authority.active()?;
        let place =
            Arc::clone(&self.history_readers).acquire_owned().await.map_err(|_| Refusal::Interrupted)?;
        let (items, receiver) = tokio::sync::mpsc::channel(8);
        tokio::task::spawn_blocking(move || {
            let _place = place;
            if let Err(refusal) = history::stream(&active, &request, &items) {
                let _ = items.blocking_send(Err(refusal.into()));
            }
        });
        Ok(ReceiverStream::new(receiver))
    }

    fn seed_shares(&self) -> Result<SeedShareDocument, Refusal> {
        match self.authority.phase() {
            Phase::Uninitialised => Err(Refusal::NoManifest),
            Phase::Locked(shares) => Ok((*shares).clone()),
            Phase::Active(active) => Ok((*active.seed_shares).clone()),
        }
    }
}

/// SHA-256 of the client's public key in the form that owners' keys are named by.
fn caller<T>(request: &Request<T>) -> Option<Digest> {
    let info = request.extensions().get::<ConnectionInfo>()?;
    let key = info.peer.certificate.as_ref()?.owner_key_der()?;
    Some(Sha256::digest(key).into())
}

fn by_digest(policies: Vec<Vec<u8>>) -> BTreeMap<Digest, Vec<u8>> {
    policies.into_iter().map(|policy| (Sha256::digest(&policy).into(), policy)).collect()
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

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Interrupted)?
}

fn unary(name: &'static str) -> Method {
    Method { service: "edgelesssys.contrast.userapi.UserAPI", name, kind: "unary" }
}
