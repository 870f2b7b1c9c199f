//! The mesh API: what a pod can ask for. Every call is answered by the state that judged the peer.
//!
//! A peer without accepted evidence is told so at once, and its request is not read. Requests are empty, and answers
//! are computed where they are asked for; so nobody waits for anybody here, and no places are needed.

use std::{future, sync::Arc, time::SystemTime};

use contrast_attestation::Claims;
use contrast_manifest::{PolicyEntry, Role};
use contrast_proto::meshapi::{
    NewMeshCertRequest, NewMeshCertResponse, RecoverRequest, RecoverResponse,
    mesh_api_server::{MeshApi, MeshApiServer},
};
use hyper::body::Incoming;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Service, http},
};

use crate::{
    authority::{Active, Authority},
    grpc::Api,
    limits::{SMALL_REQUEST, SMALL_REQUEST_TIMEOUT},
    listener::ConnectionInfo,
    metrics::{Method, Metrics},
    refusal::Refusal,
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
    /// Tells a peer that came too early whether it should wait.
    pub authority: Arc<Authority>,
    /// Counts calls and refused evidence.
    pub metrics: Arc<Metrics>,
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
        self.metrics.observe(method("Recover"), async { self.hand_over(info(&request)?) }).await
    }
}

/// A peer whose evidence was accepted, and the policy that it runs under.
struct Pod<'a> {
    active: &'a Active,
    claims: &'a Claims,
    public_key: &'a [u8],
}

impl MeshService {
    fn issue(&self, info: &ConnectionInfo) -> Result<NewMeshCertResponse, Refusal> {
        let pod = self.appraised(info)?;
        let policy = pod.policy()?;
        let active = pod.active;
        let chain = active.ca.issue(pod.public_key, policy, pod.claims, SystemTime::now())?;
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

    fn hand_over(&self, info: &ConnectionInfo) -> Result<RecoverResponse, Refusal> {
        let pod = self.appraised(info)?;
        if pod.policy()?.role != Role::Coordinator {
            return Err(Refusal::NotACoordinator);
        }
        let active = pod.active;
        tracing::info!(policy = hex::encode(pod.claims.host_data), "handed the seed to a peer Coordinator");
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
            (Some(Ok(claims)), Some(certificate)) => {
                Ok(Pod { active, claims, public_key: &certificate.spki_der })
            }
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
