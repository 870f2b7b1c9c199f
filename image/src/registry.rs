//! Images at a registry (OCI distribution specification, "Pull").
//!
//! Requests are made on a thread of their own, so that whoever reads a layer may block. A download that breaks goes on
//! where it stopped; one that makes no progress is broken off. What a registry sends is checked by whoever reads it.

mod auth;
mod challenge;
mod credentials;
mod download;
mod error;
mod mirrors;
mod requests;

use std::{
    collections::BTreeSet,
    io::{Cursor, Read},
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};

use crate::{
    cache::{Cache, CachedSource},
    descriptor::Descriptor,
    digest::{Digest, shortened},
    manifest::MAX_MANIFEST,
    reference::Reference,
    source::{Image, Source, SourceError},
};
pub use contrast_http::{Proxies, ProxyError};
pub use credentials::{Credential, CredentialError, Credentials};
use download::Download;
pub use error::RegistryError;
pub use mirrors::{MirrorError, Mirrors};
use requests::{Kind, Place, Requests};

/// Asks registries.
pub struct Registries {
    /// Ends without waiting for what is under way.
    runtime: Option<Runtime>,
    requests: Arc<Requests>,
}

/// How to ask them.
#[derive(Default)]
pub struct RegistryOptions {
    /// Registries, as they stand in references, that are asked without TLS.
    pub insecure: BTreeSet<String>,
    /// Who to say that we are.
    pub credentials: Credentials,
    /// Where to ask instead.
    pub mirrors: Mirrors,
    /// Proxies on the way.
    pub proxies: Proxies,
    /// How long to wait.
    pub patience: RegistryPatience,
}

/// How long to wait for a registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegistryPatience {
    /// For a connection and the head of an answer, and then for each further part of it.
    pub stall: Duration,
    /// Before a failed request is repeated for the first time; doubles from then on.
    pub first_delay: Duration,
    /// The longest wait, also when a registry asks for a longer one.
    pub longest_delay: Duration,
    /// Attempts without any progress.
    pub attempts: u32,
}

impl Default for RegistryPatience {
    /// Half a minute for each step, five attempts, at most a minute between them.
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(30),
            first_delay: Duration::from_millis(500),
            longest_delay: Duration::from_secs(60),
            attempts: 5,
        }
    }
}

/// One repository of a registry: the source of an image that was found there.
pub struct Repository<'a> {
    registries: &'a Registries,
    place: Arc<Place>,
    /// What the reference led to.
    first: (Digest, Vec<u8>),
}

impl Registries {
    /// Starts a thread for the requests.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn new(options: RegistryOptions) -> std::io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("registries").enable_all().build()?;
        Ok(Self { runtime: Some(runtime), requests: Arc::new(Requests::new(options)) })
    }

    /// The image that `reference` names, and the source of its layers. The digest is that of the bytes, whatever the
    /// registry says; where the reference has one, it must be the same. A cache keeps what is read.
    ///
    /// # Errors
    /// If it cannot be had, or is damaged, or cannot run in a confidential pod.
    pub fn image(
        &self,
        reference: &Reference,
        cache: Option<&Cache>,
    ) -> Result<(Image, Repository<'_>), RegistryError> {
        let (place, bytes, media_type) = self.find(reference)?;
        let digest = Digest::of(&bytes);
        let root = Descriptor {
            media_type,
            digest,
            size: bytes.len() as u64,
            platform: None,
            annotations: Default::default(),
        };
        let repository = Repository { registries: self, place, first: (digest, bytes) };
        let read = match cache {
            Some(cache) => Image::read(&CachedSource::new(&repository, cache), &root),
            None => Image::read(&repository, &root),
        };
        let image = read.map_err(|source| RegistryError::Image {
            reference: Box::new(reference.clone()),
            source: Box::new(source),
        })?;
        Ok((image, repository))
    }

    /// What the reference leads to, from the first place that has it, whatever is wrong with those before.
    fn find(&self, reference: &Reference) -> Result<(Arc<Place>, Vec<u8>, String), RegistryError> {
        let blocked = || RegistryError::Blocked { reference: Box::new(reference.clone()) };
        let places = Place::of(reference, &self.requests.options).ok_or_else(blocked)?;
        let mut last = Err(blocked());
        for place in places {
            let place = Arc::new(place);
            match self.find_at(&place, reference) {
                Ok((bytes, media_type)) => return Ok((place, bytes, media_type)),
                Err(error) => {
                    tracing::debug!(%error, %reference, "not found there");
                    last = Err(error);
                }
            }
        }
        last
    }

    fn find_at(&self, place: &Arc<Place>, reference: &Reference) -> Result<(Vec<u8>, String), RegistryError> {
        let wanted = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or_default().to_owned(),
        };
        let (bytes, media_type) = self.whole(place, Kind::Manifest, wanted, MAX_MANIFEST)?;
        let found = Digest::of(&bytes);
        match reference.digest().filter(|expected| *expected != found) {
            Some(expected) => {
                let reference = Box::new(reference.clone());
                Err(RegistryError::OtherDigest { reference, expected, found })
            }
            None => Ok((bytes, media_type)),
        }
    }

    /// A small part, and its media type.
    fn whole(
        &self,
        place: &Arc<Place>,
        kind: Kind,
        wanted: String,
        limit: u64,
    ) -> Result<(Vec<u8>, String), RegistryError> {
        let (requests, place) = (Arc::clone(&self.requests), Arc::clone(place));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (sender, receiver) = mpsc::channel();
        self.spawn(async move {
            let _ = sender.send(requests.whole(&place, kind, &wanted, limit).await);
        });
        let (bytes, media_type) = receiver.recv().map_err(|_| RegistryError::Stopped)??;
        Ok((bytes, shortened(&media_type)))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            drop(runtime.spawn(task));
        }
    }
}

impl Drop for Registries {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Repository<'_> {
    fn error(&self, digest: Digest, error: RegistryError) -> SourceError {
        SourceError::Refused { digest, source: Arc::new(error) }
    }
}

impl Source for Repository<'_> {
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let digest = wanted.digest;
        if digest == self.first.0 {
            return Ok(Box::new(Cursor::new(&self.first.1)));
        }
        let found = self.registries.whole(&self.place, Kind::Manifest, digest.to_string(), MAX_MANIFEST);
        let (bytes, _) = found.map_err(|error| self.error(digest, error))?;
        Ok(Box::new(Cursor::new(bytes)))
    }

    fn blob(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let (download, task) =
            Download::new(Arc::clone(&self.registries.requests), Arc::clone(&self.place), wanted);
        self.registries.spawn(task);
        Ok(Box::new(download))
    }
}

#[cfg(test)]
mod tests;
