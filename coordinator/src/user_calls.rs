//! Calls of the user API before they are read: who may send how much, and who is answered when.
//!
//! Whoever has the key of a workload owner sends manifests by a way of their own. Everybody else, who may have a signature
//! in the request, shares another one, which is small. One request at a time is on each, so that the bytes of all requests
//! in the making have a bound; the others wait unread. Requests without contents are read first, and then wait for an
//! answer. While a Coordinator is locked, no manifest is read.

use std::{future, sync::Arc};

use contrast_proto::userapi::user_api_server::UserApiServer;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tonic::{
    Response, Status,
    body::Body,
    codegen::{Service, http},
};

use crate::{
    answers::Answers,
    grpc::Api,
    limits,
    listener::ConnectionInfo,
    metrics::Method,
    refusal::Refusal,
    request_body::{Allowance, Metered},
    turns::{Turn, Turns},
    user_api::{self, Arrival, UserService},
};

/// The user API as connections see it.
#[derive(Clone)]
pub struct UserCalls {
    service: Arc<UserService>,
    server: UserApiServer<UserService>,
    owners: Arc<Turns>,
    strangers: Arc<Turns>,
    answers: Arc<Answers>,
}

impl UserCalls {
    /// Calls of `service`, which are answered among `answers`.
    #[must_use]
    pub fn new(service: UserService, answers: Arc<Answers>) -> Self {
        let service = Arc::new(service);
        let server = UserApiServer::from_arc(Arc::clone(&service))
            .max_decoding_message_size(limits::OWNERS_REQUEST)
            .max_encoding_message_size(usize::MAX);
        let turns = || Turns::new(1, limits::WAITING_REQUESTS, limits::REQUEST_PATIENCE);
        Self { service, server, owners: turns(), strangers: turns(), answers }
    }
}

impl Api for UserCalls {
    async fn call(
        &self,
        info: Arc<ConnectionInfo>,
        request: http::Request<Incoming>,
    ) -> http::Response<Body> {
        let method = user_api::method(request.uri().path());
        let answer = match method.name {
            "SetManifest" => self.set(info, request).await,
            "GetManifests" | "GetHistory" | "GetSeedShares" => self.hand_out(&method, info, request).await,
            _ => Ok(self.pass_on(info, request, Allowance::SMALL).await),
        };
        match answer {
            Ok(answer) => answer,
            Err(refusal) => {
                let refused: Result<Response<()>, _> =
                    self.service.metrics.observe(method, future::ready(Err(refusal))).await;
                refused.map_or_else(Status::into_http, |_| http::Response::default())
            }
        }
    }
}

impl UserCalls {
    /// A call with contents: its turn comes before it is read, and lasts until its bytes are gone, also if nobody waits for
    /// the answer any more.
    async fn set(
        &self,
        info: Arc<ConnectionInfo>,
        mut request: http::Request<Incoming>,
    ) -> Result<http::Response<Body>, Refusal> {
        let seen = self.service.authority.latest_transition();
        let (turn, allowance) = self.turn_to_send(&info).await?;
        request.extensions_mut().insert(Arrival { seen, turn: Arc::new(turn) });
        let _busy = info.visitor.begin_work();
        Ok(self.pass_on(info, request, allowance).await)
    }

    async fn turn_to_send(&self, info: &ConnectionInfo) -> Result<(Turn, Allowance), Refusal> {
        let authority = &self.service.authority;
        authority.refuse_while_locked()?;
        let may_be_owner =
            authority.takes_anybody() || info.caller.is_some_and(|caller| authority.is_owner(&caller));
        let (turns, bytes) = if may_be_owner {
            (&self.owners, limits::OWNERS_REQUEST)
        } else {
            (&self.strangers, limits::STRANGERS_REQUEST)
        };
        let turn = turns.take(info.visitor.address).await?;
        Ok((turn, Allowance::contents(bytes, turns.are_awaited())))
    }

    /// A call for contents: its turn comes after it is read, and lasts until the last byte is on its way.
    async fn hand_out(
        &self,
        method: &Method,
        info: Arc<ConnectionInfo>,
        request: http::Request<Incoming>,
    ) -> Result<http::Response<Body>, Refusal> {
        let (head, body) = request.into_parts();
        let body = match Metered::new(body, Allowance::SMALL, Arc::clone(&info.visitor)).collect().await {
            Ok(body) => Full::new(body.to_bytes()),
            Err(status) => return Ok(status.into_http()),
        };
        // Who waits for an answer has asked for one; it is worked on when its turn comes.
        info.visitor.has_shown(true);
        let answer = self.answers.begin(&info.visitor).await?;
        let response = if method.name == "GetManifests" {
            self.service.manifests_in_pieces(&info).await
        } else {
            self.dispatch(info, http::Request::from_parts(head, Body::new(body))).await
        };
        Ok(response.map(|body| answer.with(body)))
    }

    async fn pass_on(
        &self,
        info: Arc<ConnectionInfo>,
        request: http::Request<Incoming>,
        allowance: Allowance,
    ) -> http::Response<Body> {
        let visitor = Arc::clone(&info.visitor);
        self.dispatch(info, request.map(|body| Body::new(Metered::new(body, allowance, visitor)))).await
    }

    async fn dispatch(
        &self,
        info: Arc<ConnectionInfo>,
        mut request: http::Request<Body>,
    ) -> http::Response<Body> {
        request.extensions_mut().insert(info);
        let Ok(answer) = self.server.clone().call(request).await;
        answer
    }
}
