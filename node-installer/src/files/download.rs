//! Files from web servers.

use std::time::Duration;

use contrast_http::{
    Addresses, Answer, Bytes, Client, HttpError, Method, Proxies, ProxyError, StatusCode, Target, header,
};
use tokio::time::timeout;

use super::{FilesError, Sink};

/// Why a server's file is not here.
#[derive(thiserror::Error, Debug)]
pub enum DownloadError {
    /// No connection, or not HTTP.
    #[error(
        "cannot get {url}: {cause}; check that the node reaches it (HTTPS_PROXY and NO_PROXY are obeyed)"
    )]
    Http {
        /// What was asked for.
        url: String,
        /// What went wrong.
        cause: HttpError,
    },
    /// The variables of the proxy are wrong.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// It is not there.
    #[error(
        "cannot get {url}: the server answers {status}; correct `url` in the configuration, or the server"
    )]
    Status {
        /// What was asked for.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// Nothing came for a while.
    #[error("cannot get {url}: nothing came for {} s; the next attempt begins anew", PAUSE.as_secs())]
    Silence {
        /// What was asked for.
        url: String,
    },
    /// The server sends somewhere else, again and again or nowhere.
    #[error(
        "cannot get {url}: the server sends elsewhere more than {REDIRECTS} times, or to what is no http or https address"
    )]
    Redirect {
        /// What was asked for.
        url: String,
    },
    /// There is no end.
    #[error("{url} is longer than {MAX_BYTES} bytes")]
    Long {
        /// What was asked for.
        url: String,
    },
}

/// A guest's image is the largest file of a runtime.
const MAX_BYTES: u64 = 8 << 30;
/// How long a server may be silent.
const PAUSE: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 5;

/// Gets what is there, and follows where the server sends: whoever sends it, the digest decides.
pub(super) async fn get(target: &Target, sink: &mut Sink<'_>) -> Result<(), FilesError> {
    let client = Client::through(Proxies::of_environment().map_err(DownloadError::Proxy)?);
    let url = target.to_string();
    let mut answer = ask(&client, target, &url).await?;
    let mut length = 0_u64;
    loop {
        let part = timeout(PAUSE, answer.next()).await;
        let part = part.map_err(|_| DownloadError::Silence { url: url.clone() })?;
        let part = part.map_err(|cause| DownloadError::Http { url: url.clone(), cause })?;
        let Some(part) = part else { return Ok(()) };
        length += part.len() as u64;
        if length > MAX_BYTES {
            return Err(DownloadError::Long { url }.into());
        }
        sink.write(&part)?;
    }
}

async fn ask(client: &Client, target: &Target, url: &str) -> Result<Answer, DownloadError> {
    let mut target = target.clone();
    for _ in 0..=REDIRECTS {
        let sent = client.send(Method::GET, &target, header::HeaderMap::new(), Bytes::new(), Addresses::Any);
        let answer = timeout(PAUSE, sent).await;
        let answer = answer.map_err(|_| DownloadError::Silence { url: url.to_owned() })?;
        let answer = answer.map_err(|cause| DownloadError::Http { url: url.to_owned(), cause })?;
        match answer.status {
            StatusCode::OK => return Ok(answer),
            status if status.is_redirection() => {
                let next = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
                let next = next.and_then(|next| elsewhere(&target, next));
                target = next.ok_or_else(|| DownloadError::Redirect { url: url.to_owned() })?;
            }
            status => return Err(DownloadError::Status { url: url.to_owned(), status }),
        }
    }
    Err(DownloadError::Redirect { url: url.to_owned() })
}

/// An address of a redirection: a whole one, or a path on the same server.
fn elsewhere(from: &Target, location: &str) -> Option<Target> {
    if location.starts_with('/') && !location.starts_with("//") {
        let scheme = if from.is_tls() { "https" } else { "http" };
        return format!("{scheme}://{}{location}", from.authority()).parse().ok();
    }
    location.parse().ok()
}
