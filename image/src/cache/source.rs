//! A source whose small parts are kept.

use std::io::{Cursor, Read};

use super::Cache;
use crate::{
    compression::Compression,
    config::MAX_CONFIG,
    descriptor::Descriptor,
    digest::Digest,
    source::{Source, SourceError},
};

/// Asks a source only for what the cache does not have: manifests and configurations. Layers pass through.
pub struct CachedSource<'a> {
    source: &'a dyn Source,
    cache: &'a Cache,
}

impl<'a> CachedSource<'a> {
    /// Puts `cache` before `source`.
    #[must_use]
    pub fn new(source: &'a dyn Source, cache: &'a Cache) -> Self {
        Self { source, cache }
    }

    fn small<'b>(
        &'b self,
        wanted: &Descriptor,
        open: impl FnOnce() -> Result<Box<dyn Read + Send + 'b>, SourceError>,
    ) -> Result<Box<dyn Read + Send + 'b>, SourceError> {
        if let Some(bytes) = self.cache.blob(wanted.digest) {
            return Ok(Box::new(Cursor::new(bytes)));
        }
        let mut input = open()?;
        let mut bytes = Vec::new();
        // One more than announced, so that too many are seen as such by whoever reads.
        let read = input.by_ref().take(wanted.size.saturating_add(1)).read_to_end(&mut bytes);
        if read.is_ok() && Digest::of(&bytes) == wanted.digest {
            self.cache.keep_blob(wanted.digest, &bytes);
        }
        match read {
            Ok(_) => Ok(Box::new(Cursor::new(bytes))),
            Err(error) => Err(SourceError::Io {
                digest: wanted.digest,
                place: "its source".to_owned(),
                source: std::sync::Arc::new(error),
            }),
        }
    }
}

impl Source for CachedSource<'_> {
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        if wanted.size > MAX_CONFIG {
            return self.source.manifest(wanted);
        }
        self.small(wanted, || self.source.manifest(wanted))
    }

    fn blob(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        if wanted.size > MAX_CONFIG || Compression::of_media_type(&wanted.media_type).is_some() {
            return self.source.blob(wanted);
        }
        self.small(wanted, || self.source.blob(wanted))
    }
}

/// A source that has nothing, behind a cache that is to answer by itself.
pub(super) struct Nowhere;

impl Nowhere {
    fn missing<T>(wanted: &Descriptor) -> Result<T, SourceError> {
        Err(SourceError::Missing { digest: wanted.digest, place: "the cache".to_owned() })
    }
}

impl Source for Nowhere {
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        Self::missing(wanted)
    }

    fn blob(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        Self::missing(wanted)
    }
}
