//! One GET request: a time limit, and a limit of length.

use std::time::{Duration, SystemTime};

use contrast_http::{
    Addresses, Bytes, HttpError, Method, NoAuthorities, StatusCode, Target, header::HeaderMap,
};

use super::FetchError;

/// Asks web servers.
#[derive(Default)]
pub(super) struct Client(contrast_http::Client);

/// An answer with status 200.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// Asks for `url`. An answer of more than `limit` bytes, or one that takes longer than `patience`, is an error.
    pub(super) async fn get(
        &self,
        url: &str,
        limit: usize,
        patience: Duration,
        now: SystemTime,
    ) -> Result<Answer, FetchError> {
        let target: Target = url.parse()?;
        let asked = tokio::time::timeout(patience, self.ask(&target, limit, now));
        asked.await.unwrap_or_else(|_| Err(FetchError::TimedOut { host: target.name(), after: patience }))
    }

    async fn ask(&self, target: &Target, limit: usize, now: SystemTime) -> Result<Answer, FetchError> {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        let mut answer = self.0.send(Method::GET, target, headers, body, Addresses::Any).await?;
        if answer.status != StatusCode::OK {
            return Err(FetchError::Status {
                host: target.name(),
                status: answer.status.as_u16(),
                retry_after: contrast_http::retry_after(&answer.headers, now),
            });
        }
        let body = answer.read(limit).await?;
        Ok(Answer { headers: answer.headers, body })
    }
}

impl From<HttpError> for FetchError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Connection { host, source } => Self::Connection { host, source },
            HttpError::NoAuthorities(NoAuthorities { looked_at }) => Self::NoAuthorities { looked_at },
            HttpError::Http { host, source } => Self::Http { host, source },
            HttpError::TooLong { host, limit } => Self::TooLong { host, limit },
            // Not met: any address is allowed, and no proxy is between.
            HttpError::LocalAddress { host } | HttpError::Proxy { host, .. } => Self::Url { url: host },
            HttpError::Url { url } => Self::Url { url },
        }
    }
}
