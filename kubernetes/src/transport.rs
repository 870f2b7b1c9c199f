//! One request after the other: with credentials, within time, and without following anybody elsewhere.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    Request, Response, StatusCode, Uri,
    header::{HeaderMap, HeaderValue, LOCATION, USER_AGENT},
};
use hyper_util::{client::legacy, rt::TokioExecutor};
use kube::client::Body;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tower::Service;

use crate::{
    answer::Answer,
    connector::{Connector, Way, tls_failure},
    credentials::Credentials,
    error::AccessError,
    settings::Settings,
    tls::{self, Identity},
};

/// How long it may take until an answer begins. (The API server gives up after a minute, by default.)
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends requests to one API server.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Shared>);

struct Shared {
    client: legacy::Client<Connector, Body>,
    /// Scheme and authority, with the path below which everything is.
    base: String,
    /// Host and port, for messages.
    server: String,
    credentials: Credentials,
    identity: Arc<Identity>,
    impersonation: HeaderMap,
}

impl Transport {
    pub(crate) fn new(settings: Settings) -> Result<Self, AccessError> {
        let Settings { server, roots, server_name, identity, credentials, impersonation, proxies, .. } =
            settings;
        let identity = Identity::new(identity);
        let name = server_name.unwrap_or_else(|| server.host().to_owned());
        let named = ServerName::try_from(name.clone())
            .map_err(|_| AccessError::BadServer { cluster: "the context".to_owned(), server: name })?;
        let shared = Shared {
            base: server.to_string().split('?').next().unwrap_or_default().trim_end_matches('/').to_owned(),
            server: server.name(),
            client: legacy::Client::builder(TokioExecutor::new()).build(Connector::new(Way {
                name: server.is_tls().then_some(named),
                tls: tls::config(roots, Arc::clone(&identity)),
                proxies,
                server,
            })),
            credentials,
            identity,
            impersonation,
        };
        Ok(Self(Arc::new(shared)))
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Answer>;
    type Error = AccessError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, AccessError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AccessError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.ask(request).await })
    }
}

impl Shared {
    async fn ask(&self, mut request: Request<Body>) -> Result<Response<Answer>, AccessError> {
        let streams = streams(request.uri());
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("{}{path}", self.base).parse::<Uri>();
        *request.uri_mut() = uri.map_err(|error| AccessError::Garbage { reason: error.to_string() })?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("contrast/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &self.impersonation {
            headers.append(name.clone(), value.clone());
        }
        self.credentials.show(headers, &self.identity).await?;
        let answer = timeout(PATIENCE, self.client.request(request)).await;
        let slow = |_| AccessError::Slow { server: self.server.clone(), what: "answer", limit: PATIENCE };
        let answer = answer.map_err(slow)?.map_err(|error| self.failure(&error))?;
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED {
            return Err(self.unauthorized().await);
        }
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            let to =
                answer.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
            return Err(AccessError::Redirected {
                server: self.server.clone(),
                status: status.as_u16(),
                to: to.unwrap_or_else(|| "nowhere".to_owned()).chars().take(200).collect(),
            });
        }
        let server = self.server.clone();
        Ok(answer.map(|body| Answer::new(body, server, streams)))
    }

    async fn unauthorized(&self) -> AccessError {
        // A plugin is asked again at the next call.
        self.credentials.forget().await;
        AccessError::Unauthorized {
            server: self.server.clone(),
            credentials: self.credentials.name(&self.identity),
            expired: self.credentials.expired().await,
        }
    }

    fn failure(&self, error: &legacy::Error) -> AccessError {
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        let mut last = error.to_string();
        while let Some(cause) = next {
            if let Some(known) = cause.downcast_ref::<AccessError>() {
                return known.clone();
            }
            last = cause.to_string();
            next = cause.source();
        }
        tls_failure(error, &self.server)
            .unwrap_or_else(|| AccessError::Broken { server: self.server.clone(), reason: last })
    }
}

/// Does its answer go on until somebody has enough?
fn streams(uri: &Uri) -> bool {
    uri.query().unwrap_or_default().split('&').any(|pair| {
        pair.split_once('=')
            .is_some_and(|(name, value)| matches!(name, "watch" | "follow") && matches!(value, "true" | "1"))
    })
}
