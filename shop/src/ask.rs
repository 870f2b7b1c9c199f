//! One service asks another, over plain HTTP.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Limited};
use hyper::{Method, Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const LONGEST: usize = 64 << 10;

/// Another service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    name: &'static str,
    address: Arc<str>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody answered in time.
    #[error("{0} did not answer within {secs} s", secs = PATIENCE.as_secs())]
    Late(&'static str),
    /// The connection could not be made or did not last.
    #[error("{service} cannot be reached ({reason})")]
    Broken {
        /// Which service.
        service: &'static str,
        /// Why.
        reason: String,
    },
}

impl Service {
    /// A service, with its host and port.
    pub(crate) fn new(name: &'static str, address: impl Into<Arc<str>>) -> Self {
        Self { name, address: address.into() }
    }

    /// Sends a request with a short text, on a connection of its own.
    pub(crate) async fn ask(&self, method: Method, path: &str, text: &str) -> Result<Answer, AskError> {
        match timeout(PATIENCE, self.exchange(method, path, text.to_owned())).await {
            Ok(answer) => answer,
            Err(_) => Err(AskError::Late(self.name)),
        }
    }

    async fn exchange(&self, method: Method, path: &str, text: String) -> Result<Answer, AskError> {
        let tcp = TcpStream::connect(&*self.address).await.map_err(|error| self.broken(error))?;
        let handshake = http1::handshake(TokioIo::new(tcp)).await;
        let (mut sender, connection) = handshake.map_err(|error| self.broken(error))?;
        let request = Request::builder().method(method).uri(path).header(HOST, &*self.address).body(text);
        let request = request.map_err(|error| self.broken(error))?;
        let work = async {
            let answer = sender.send_request(request).await.map_err(|error| self.broken(error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LONGEST).collect().await;
            let body = body.map_err(|error| self.broken(error))?.to_bytes();
            Ok(Answer { status, text: String::from_utf8_lossy(&body).into_owned() })
        };
        // The connection moves the bytes, and ends with the answer.
        let connection = async {
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            answer = work => answer,
            never = connection => never,
        }
    }

    fn broken(&self, reason: impl ToString) -> AskError {
        AskError::Broken { service: self.name, reason: reason.to_string() }
    }
}
