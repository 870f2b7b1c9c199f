//! Single requests: where they go, with which credentials, and how often.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, OnceLock, PoisonError},
    time::SystemTime,
};

use contrast_http::{Addresses, Answer, Bytes, Client, Method, StatusCode, Target, header};
use header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE};

use super::{Credential, RegistryError, RegistryOptions, mirrors::Location};
use crate::{digest::shortened, reference::Reference};

/// Sends requests.
pub(super) struct Requests {
    client: Client,
    pub(super) options: std::sync::Arc<RegistryOptions>,
    /// What a repository was last told about who asks.
    authorizations: Mutex<HashMap<String, HeaderValue>>,
}

/// A repository of a registry.
pub(super) struct Place {
    registry: String,
    repository: String,
    origin: String,
    /// The registry is asked without TLS, which is then also allowed to where it sends.
    insecure: bool,
    /// Where the registry was seen to be.
    peer: OnceLock<IpAddr>,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Manifest,
    Blob,
}

/// Docker Hub's registry has another name than the references to it.
const DOCKER_HUB: &str = "registry-1.docker.io";
const MAX_REDIRECTS: usize = 5;
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

impl Place {
    /// The places to ask for an image, in their order; nothing if its registry is blocked.
    pub(super) fn of(reference: &Reference, options: &RegistryOptions) -> Option<Vec<Self>> {
        let places = options.mirrors.locations(reference)?.into_iter();
        Some(places.map(|location| Self::at(location, options)).collect())
    }

    fn at(Location { name, insecure }: Location, options: &RegistryOptions) -> Self {
        let (registry, repository) = name.split_once('/').unwrap_or((&name, ""));
        let host = if registry == "docker.io" { DOCKER_HUB } else { registry };
        let insecure = insecure || options.insecure.contains(registry);
        Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            origin: format!("{}://{host}", if insecure { "http" } else { "https" }),
            insecure,
            peer: OnceLock::new(),
        }
    }

    pub(super) fn registry(&self) -> &str {
        &self.registry
    }

    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    pub(super) fn name(&self) -> String {
        self.url("").parse().map_or_else(|_| self.registry.clone(), |target: Target| target.name())
    }

    /// Which addresses the registry may send to: those of the local network only if it is there itself.
    pub(super) fn addresses(&self) -> Addresses {
        match self.peer.get() {
            Some(peer) if !contrast_http::is_public(*peer) => Addresses::Any,
            _ => Addresses::Public,
        }
    }

    /// May the registry send there?
    pub(super) fn allows(&self, target: &Target) -> Result<(), RegistryError> {
        if target.is_tls() || self.insecure {
            return Ok(());
        }
        Err(self.redirect(&target.to_string(), "it is not https"))
    }

    /// Notes where the registry is.
    pub(super) fn seen_at(&self, peer: IpAddr) {
        let _ = self.peer.set(peer);
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v2/{}/{path}", self.origin, self.repository)
    }

    fn redirect(&self, to: &str, reason: &'static str) -> RegistryError {
        let to = shortened(to.split('?').next().unwrap_or_default());
        RegistryError::Redirect { host: self.name(), to, reason }
    }
}

impl Requests {
    pub(super) fn new(options: RegistryOptions) -> Self {
        Self {
            client: Client::through(options.proxies.clone()),
            options: options.into(),
            authorizations: Mutex::default(),
        }
    }

    /// A small part and its media type, in as many attempts as patience allows.
    pub(super) async fn whole(
        &self,
        place: &Place,
        kind: Kind,
        wanted: &str,
        limit: usize,
    ) -> Result<(Vec<u8>, String), RegistryError> {
        let mut failures = 0;
        loop {
            let attempt = async {
                let mut answer = self.get(place, kind, wanted, 0).await?;
                let stall = self.options.patience.stall;
                let read = tokio::time::timeout(stall, answer.read(limit)).await;
                let bytes =
                    read.map_err(|_| RegistryError::Stalled { host: place.name(), after: stall })??;
                let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                let media_type = media_type.and_then(|text| text.split(';').next()).unwrap_or_default();
                Ok((bytes, media_type.trim().to_owned()))
            };
            match attempt.await {
                Err(error) => self.pause(&mut failures, error).await?,
                found => return found,
            }
        }
    }

    /// Waits before the next attempt, unless there is none: then the error comes back.
    pub(super) async fn pause(&self, failures: &mut u32, error: RegistryError) -> Result<(), RegistryError> {
        let patience = self.options.patience;
        *failures += 1;
        let asked = error.retry_after().unwrap_or_default();
        if !error.is_passing() || *failures >= patience.attempts || asked > patience.longest_delay {
            return Err(error);
        }
        let factor = 1_u32.checked_shl(*failures - 1).unwrap_or(u32::MAX);
        let own = patience.first_delay.saturating_mul(factor);
        tracing::debug!(%error, "asking again");
        tokio::time::sleep(own.max(asked).min(patience.longest_delay)).await;
        Ok(())
    }

    /// Asks for a manifest or a blob, from a byte on. Signs in if need be; follows redirects for blobs.
    pub(super) async fn get(
        &self,
        place: &Place,
        kind: Kind,
        wanted: &str,
        from: u64,
    ) -> Result<Answer, RegistryError> {
        let path = match kind {
            Kind::Manifest => format!("manifests/{wanted}"),
            Kind::Blob => format!("blobs/{wanted}"),
        };
        let origin: Target = place.url(&path).parse()?;
        let mut headers = HeaderMap::new();
        if kind == Kind::Manifest {
            headers.insert(ACCEPT, HeaderValue::from_static(MANIFESTS));
        }
        if let Ok(range) = HeaderValue::from_str(&format!("bytes={from}-"))
            && from > 0
        {
            headers.insert(RANGE, range);
        }
        let (mut target, mut signed_in) = (origin.clone(), false);
        for _ in 0..=MAX_REDIRECTS + 1 {
            let at_registry = target.is_same_origin(&origin);
            let mut headers = headers.clone();
            // Credentials are for the registry, and for nobody that it sends to.
            if at_registry && let Some(value) = self.authorizations().get(&place.url("")) {
                headers.insert(AUTHORIZATION, value.clone());
            }
            let addresses = if at_registry { Addresses::Any } else { place.addresses() };
            let answer = self.send_once(Method::GET, &target, headers, Bytes::new(), addresses).await?;
            if at_registry {
                answer.peer.into_iter().for_each(|peer| place.seen_at(peer));
            }
            match answer.status {
                StatusCode::OK | StatusCode::PARTIAL_CONTENT => return Ok(answer),
                StatusCode::UNAUTHORIZED if at_registry && !signed_in => {
                    signed_in = true;
                    let value = self.authorization(place, &answer.headers).await?;
                    let value = value.ok_or_else(|| self.unauthorized(place, &target, wanted))?;
                    self.authorizations().insert(place.url(""), value);
                }
                StatusCode::UNAUTHORIZED if at_registry => {
                    return Err(self.unauthorized(place, &target, wanted));
                }
                status if status.is_redirection() => target = follow(place, kind, &target, &answer)?,
                _ => return Err(self.status(&target, wanted, &answer)),
            }
        }
        Err(place.redirect(&target.to_string(), "there are too many"))
    }

    /// One request, given up if no answer begins.
    pub(super) async fn send_once(
        &self,
        method: Method,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
        addresses: Addresses,
    ) -> Result<Answer, RegistryError> {
        let sent = self.client.send(method, target, headers, body, addresses);
        match tokio::time::timeout(self.options.patience.stall, sent).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(self.stalled(target)),
        }
    }

    pub(super) fn stalled(&self, target: &Target) -> RegistryError {
        RegistryError::Stalled { host: target.name(), after: self.options.patience.stall }
    }

    pub(super) fn status(&self, target: &Target, what: &str, answer: &Answer) -> RegistryError {
        let (host, what) = (target.name(), what.to_owned());
        match answer.status {
            StatusCode::NOT_FOUND => RegistryError::NotFound { host, what },
            StatusCode::FORBIDDEN => RegistryError::Forbidden { host, what },
            status => RegistryError::Status {
                host,
                what,
                status: status.as_u16(),
                retry_after: contrast_http::retry_after(&answer.headers, SystemTime::now()),
            },
        }
    }

    /// Credentials may come from a program, which is not waited for on the thread of the requests.
    pub(super) async fn credential(&self, place: &Place) -> Result<Option<Credential>, RegistryError> {
        let (options, registry) = (std::sync::Arc::clone(&self.options), place.registry().to_owned());
        let asked = tokio::task::spawn_blocking(move || options.credentials.of_registry(&registry)).await;
        Ok(asked.map_err(|_| RegistryError::Stopped)??)
    }

    fn unauthorized(&self, place: &Place, target: &Target, what: &str) -> RegistryError {
        let (host, what, registry) = (target.name(), what.to_owned(), place.registry().to_owned());
        RegistryError::Unauthorized { host, what, registry }
    }

    fn authorizations(&self) -> std::sync::MutexGuard<'_, HashMap<String, HeaderValue>> {
        self.authorizations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a redirect leads, if it may be followed.
fn follow(place: &Place, kind: Kind, from: &Target, answer: &Answer) -> Result<Target, RegistryError> {
    let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind == Kind::Manifest {
        return Err(place.redirect(location, "only layers and configurations may be elsewhere"));
    }
    let base = format!("{}://{}", if from.is_tls() { "https" } else { "http" }, from.authority());
    let url = match location {
        path if path.starts_with('/') && !path.starts_with("//") => format!("{base}{path}"),
        url => url.to_owned(),
    };
    let target = url.parse().map_err(|_| place.redirect(location, "it is no address that can be asked"))?;
    place.allows(&target)?;
    Ok(target)
}
