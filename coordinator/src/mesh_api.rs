//! The mesh API: what a pod can ask for. Certificates come from the state that judged the peer; the seed is given only
//! by the present state.
//!
//! A peer without accepted evidence is told so at once, and its request is not read. Requests are empty, and answers
//! are computed where they are asked for; so nobody waits for anybody here, and no places are needed.

use std::{future, sync::Arc, time::SystemTime};

use contrast_attestation::{Claims, atls::PeerCertificate};
use contrast_manifest::PolicyEntry;
use contrast_proto::meshapi::{
    NewMeshCertRequest, NewMeshCertResponse, RecoverRequest, RecoverResponse,
    mesh_api_server::{MeshApi, MeshApiServer},
};
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};
use tokio::{runtime::Handle, sync::Semaphore};
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Service, http},
};

use crate::{
    authority::{Active, Authority},
    command::SeedRequest,
    grpc::Api,
    limits::{SMALL_REQUEST, SMALL_REQUEST_TIMEOUT},
    listener::ConnectionInfo,
    metrics::{Method, Metrics},
    refusal::Refusal,
    user_api::on_blocking_thread,
};

/// The mesh API as connections see it.
#[derive(Clone)]
pub struct MeshCalls {
    service: Arc<MeshService>,
    server: MeshApiServer<MeshService>,
}

impl MeshCalls {
    /// Calls of `service`.
    #[must_use]
    pub fn new(service: MeshService) -> Self {
        let service = Arc::new(service);
        let server = MeshApiServer::from_arc(Arc::clone(&service)).max_decoding_message_size(SMALL_REQUEST);
        Self { service, server }
    }
}

impl Api for MeshCalls {
    async fn call(
        &self,
        info: Arc<ConnectionInfo>,
        mut request: http::Request<Incoming>,
    ) -> http::Response<Body> {
        if let Err(refusal) = self.service.appraised(&info) {
            let name = request.uri().path().rsplit_once('/').map_or("", |(_, name)| name);
            let method = method(if name == "Recover" { "Recover" } else { "NewMeshCert" });
            let refused: Result<Response<()>, _> =
                self.service.metrics.observe(method, future::ready(Err(refusal))).await;
            return refused.map_or_else(Status::into_http, |_| http::Response::default());
        }
        request.extensions_mut().insert(info);
        let answer = self.server.clone().call(request);
        match tokio::time::timeout(SMALL_REQUEST_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            Err(_) => Status::from(Refusal::TooSlow).into_http(),
        }
    }
}

/// Serves [`MeshApi`].
pub struct MeshService {
    /// Tells a peer that came too early whether it should wait, and writes down who was given the seed.
    authority: Arc<Authority>,
    /// Counts calls and refused evidence.
    metrics: Arc<Metrics>,
    /// Where hand-overs are written down: on the runtime that waits for them when the program stops.
    commands: Handle,
    /// Whether a peer may be given the seed at all.
    peer_recovery: bool,
    /// One hand-over at a time may take a thread.
    hand_overs: Arc<Semaphore>,
}

impl MeshService {
    /// Serves what the authority publishes. Hands the seed to peers only with `peer_recovery`, and writes that down on
    /// threads of the runtime `commands`.
    #[must_use]
    pub fn new(
        authority: Arc<Authority>,
        metrics: Arc<Metrics>,
        commands: Handle,
        peer_recovery: bool,
    ) -> Self {
        Self { authority, metrics, commands, peer_recovery, hand_overs: Arc::new(Semaphore::new(1)) }
    }
}

#[tonic::async_trait]
impl MeshApi for MeshService {
    async fn new_mesh_cert(
        &self,
        request: Request<NewMeshCertRequest>,
    ) -> Result<Response<NewMeshCertResponse>, Status> {
        self.metrics.observe(method("NewMeshCert"), async { self.issue(info(&request)?) }).await
    }

    async fn recover(&self, request: Request<RecoverRequest>) -> Result<Response<RecoverResponse>, Status> {
        self.metrics
            .observe(method("Recover"), async { self.hand_over(self.seed_request(info(&request)?)?).await })
            .await
    }
}

/// A peer whose evidence was accepted, and the policy that it runs under.
struct Pod<'a> {
    active: &'a Active,
    claims: &'a Claims,
    certificate: &'a PeerCertificate,
}

impl MeshService {
    fn issue(&self, info: &ConnectionInfo) -> Result<NewMeshCertResponse, Refusal> {
        let pod = self.appraised(info)?;
        let policy = pod.policy()?;
        let active = pod.active;
        let chain = active.ca.issue(&pod.certificate.spki_der, policy, pod.claims, SystemTime::now())?;
        let workload_secret = match &policy.workload_secret_id {
            Some(id) => active.seed.workload_secret(id)?.to_vec(),
            None => Vec::new(),
        };
        tracing::info!(policy = hex::encode(pod.claims.host_data), names = ?policy.sans,
            accepted_by = pod.claims.accepted_by, "issued a mesh certificate");
        Ok(NewMeshCertResponse {
            mesh_ca_cert: active.ca.certificates().mesh_ca.clone().into_bytes(),
            cert_chain: chain.into_bytes(),
            root_ca_cert: active.lasting.root_ca.clone().into_bytes(),
            workload_secret,
        })
    }

    /// What an appraised pod asks for with the call.
    fn seed_request(&self, info: &ConnectionInfo) -> Result<SeedRequest, Refusal> {
        if !self.peer_recovery {
            return Err(Refusal::PeerRecoveryOff);
        }
        let Pod { active, claims, certificate } = self.appraised(info)?;
        let no_evidence = || Refusal::Evidence(contrast_attestation::Refusal::NoEvidence);
        let evidence = certificate.evidence().ok_or_else(no_evidence)?;
        Ok(SeedRequest {
            policy: claims.host_data,
            judged_by: active.state.latest_transition().unwrap_or_default(),
            platform: claims.evidence_type,
            evidence: Sha256::digest(&evidence.document).into(),
            accepted_by: claims.accepted_by.clone(),
        })
    }

    async fn hand_over(&self, request: SeedRequest) -> Result<RecoverResponse, Refusal> {
        let turn = Arc::clone(&self.hand_overs).acquire_owned().await.map_err(|_| Refusal::Interrupted)?;
        let authority = Arc::clone(&self.authority);
        let policy = hex::encode(request.policy);
        let active = on_blocking_thread(&self.commands, move || {
            let _turn = turn;
            authority.hand_over(request)
        })
        .await?;
        tracing::warn!(policy, "handed the seed to a peer Coordinator");
        Ok(RecoverResponse {
            seed: active.seed.secret().to_vec(),
            salt: active.seed.salt().to_vec(),
            mesh_ca_key: active.ca.private_key_pem()?.as_bytes().to_vec(),
            latest_manifest: active.manifest.bytes().to_vec(),
        })
    }

    /// No handler gets past this without accepted evidence.
    fn appraised<'a>(&self, info: &'a ConnectionInfo) -> Result<Pod<'a>, Refusal> {
        let Some(active) = &info.active else {
            self.authority.active()?;
            return Err(Refusal::ConnectAgain);
        };
        match (&info.peer.appraisal, &info.peer.certificate) {
            (Some(Ok(claims)), Some(certificate)) => Ok(Pod { active, claims, certificate }),
            (Some(Err(refusal)), _) => {
                self.metrics.attestation_failures.inc();
                Err(Refusal::Evidence(refusal.clone()))
            }
            _ => Err(Refusal::Evidence(contrast_attestation::Refusal::NoEvidence)),
        }
    }
}

impl<'a> Pod<'a> {
    fn policy(&self) -> Result<&'a PolicyEntry, Refusal> {
        let host_data = self.claims.host_data;
        self.active.manifest.manifest().policies.get(&host_data).ok_or(Refusal::UnknownPolicy(host_data))
    }
}

fn info<T>(request: &Request<T>) -> Result<&ConnectionInfo, Refusal> {
    Ok(request.extensions().get::<Arc<ConnectionInfo>>().ok_or(Refusal::Interrupted)?)
}

fn method(name: &'static str) -> Method {
    Method { service: "meshapi.MeshAPI", name, kind: "unary" }
}
