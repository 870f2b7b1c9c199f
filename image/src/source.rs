//! Where an image's parts come from, and the way from its digest to its layers.

use std::{
    error::Error,
    io::{self, Read},
    sync::Arc,
};

use crate::{
    config::{Config, ConfigError, MAX_CONFIG},
    descriptor::Descriptor,
    digest::{Checked, Digest, Mismatch},
    manifest::{Document, MAX_MANIFEST, Manifest, ManifestError},
};

/// A place that has blobs by their digest. What it gives is checked by whoever reads it.
pub trait Source: Sync {
    /// Opens a manifest or index.
    ///
    /// # Errors
    /// If it is not there, or cannot be read.
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError>;

    /// Opens a configuration or a layer.
    ///
    /// # Errors
    /// If it is not there, or cannot be read.
    fn blob(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError>;
}

/// Why a source does not give a blob.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// It does not have it.
    #[error("{digest} is not in {place}; save the image again, with all its parts")]
    Missing {
        /// What was asked for.
        digest: Digest,
        /// The source, as a person knows it.
        place: String,
    },
    /// Reading failed.
    #[error("cannot read {digest} from {place}: {source}")]
    Io {
        /// What was asked for.
        digest: Digest,
        /// The source, as a person knows it.
        place: String,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// It does not give it, for a reason of its own.
    #[error("cannot get {digest}: {source}")]
    Refused {
        /// What was asked for.
        digest: Digest,
        /// What the source says.
        source: Arc<dyn Error + Send + Sync>,
    },
}

/// An image: what it is made of, all of it checked but the layers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The digest that a reference would have: that of the index, if there is one. Archives of Docker's old form
    /// have none.
    pub digest: Option<Digest>,
    /// The digest of the manifest for linux/amd64.
    pub manifest: Option<Digest>,
    /// The configuration.
    pub config: Config,
    /// The layers, bottom first.
    pub layers: Vec<Layer>,
}

/// One layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    /// Where it is, compressed or not.
    pub descriptor: Descriptor,
    /// The digest of its uncompressed bytes.
    pub diff_id: Digest,
}

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A part is not there.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Reading a part failed.
    #[error("cannot read {digest}: {source}")]
    Io {
        /// The part.
        digest: Digest,
        /// What the operating system says.
        source: io::Error,
    },
    /// A part is not what its digest says.
    #[error("{digest} is damaged, or somebody changed it: {source}; get the image again")]
    Damaged {
        /// The part.
        digest: Digest,
        /// What differs.
        source: Mismatch,
    },
    /// A part is announced as larger than any of its kind.
    #[error("{digest} has {size} bytes; at most {most} are read")]
    TooLong {
        /// The part.
        digest: Digest,
        /// The announced size.
        size: u64,
        /// The largest size of its kind.
        most: u64,
    },
    /// Manifest or index.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Indexes within indexes.
    #[error("the image is an index of indexes of indexes; name one of the inner ones")]
    Nested,
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// An index may have indexes in it, but not for ever.
const MAX_DEPTH: usize = 3;

impl Image {
    /// Follows `root`, a manifest or an index, to the configuration for linux/amd64.
    ///
    /// # Errors
    /// If a part is missing or damaged, or if this is no image that a confidential pod can run.
    pub fn read(source: &dyn Source, root: &Descriptor) -> Result<Self, ImageError> {
        let mut wanted = root.clone();
        for _ in 0..MAX_DEPTH {
            let bytes = whole(source.manifest(&wanted)?, &wanted, MAX_MANIFEST)?;
            match Document::parse(&bytes, Some(&wanted.media_type))? {
                Document::Manifest(manifest) => {
                    return Self::of_manifest(source, manifest, Some(root.digest), Some(wanted.digest));
                }
                Document::Index(index) => wanted = index.choose()?.clone(),
            }
        }
        Err(ImageError::Nested)
    }

    pub(crate) fn of_manifest(
        source: &dyn Source,
        manifest: Manifest,
        digest: Option<Digest>,
        manifest_digest: Option<Digest>,
    ) -> Result<Self, ImageError> {
        let wanted = &manifest.config;
        let config = Config::parse(&whole(source.blob(wanted)?, wanted, MAX_CONFIG)?, manifest.layers.len())?;
        let layers = manifest.layers.into_iter().zip(&config.diff_ids);
        let layers = layers.map(|(descriptor, diff_id)| Layer { descriptor, diff_id: *diff_id }).collect();
        Ok(Self { digest, manifest: manifest_digest, config, layers })
    }
}

/// All of a small part.
fn whole(input: impl Read, wanted: &Descriptor, most: u64) -> Result<Vec<u8>, ImageError> {
    let Descriptor { digest, size, .. } = *wanted;
    if size > most {
        return Err(ImageError::TooLong { digest, size, most });
    }
    let io = |source| ImageError::Io { digest, source };
    let mut checked = Checked::new(input, digest, size);
    let mut bytes = Vec::new();
    checked.read_to_end(&mut bytes).map_err(io)?;
    checked.finish().map_err(io)?.map_err(|source| ImageError::Damaged { digest, source })?;
    Ok(bytes)
}
