//! What can be wrong with a layer.

use std::io;

use crate::{
    digest::{Digest, Mismatch},
    source::SourceError,
    tar::TarError,
    verity::IndexError,
};

/// Why a layer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// It is not there.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is compressed in an unknown way, encrypted, or no layer.
    #[error(
        "layer {digest} has the type {media_type:?}; only tar archives, plain or with gzip or zstd, can be read"
    )]
    MediaType {
        /// The layer.
        digest: Digest,
        /// What it is said to be.
        media_type: String,
    },
    /// It is not what its digest says.
    #[error("layer {digest} is damaged, or somebody changed it: {source}; get the image again")]
    Damaged {
        /// The layer.
        digest: Digest,
        /// What differs.
        source: Mismatch,
    },
    /// Uncompressed, it is not what the configuration says.
    #[error(
        "layer {digest} has the digest {found} when uncompressed, but the image's configuration says {expected}; build \
         the image again"
    )]
    DiffId {
        /// The layer.
        digest: Digest,
        /// What the configuration says.
        expected: Digest,
        /// What was found.
        found: Digest,
    },
    /// It grows out of all proportion.
    #[error(
        "layer {digest} has {size} bytes and more than {allowed} when uncompressed; no honest layer is like that"
    )]
    Expands {
        /// The layer.
        digest: Digest,
        /// Its size as it is stored.
        size: u64,
        /// What it may grow to.
        allowed: u64,
    },
    /// It cannot be read to its end, or is no archive.
    #[error("layer {digest} cannot be read: {source}")]
    Content {
        /// The layer.
        digest: Digest,
        /// What is wrong.
        source: TarError,
    },
    /// It has too many files.
    #[error("layer {digest} cannot be indexed: {source}")]
    Index {
        /// The layer.
        digest: Digest,
        /// What is wrong.
        source: IndexError,
    },
}

/// Why users and groups of an image are not known.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// A layer cannot be used.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The file is somewhere else, or nowhere.
    #[error(
        "{file} of the image is a link or no file; name user and groups by number in the resource instead"
    )]
    NoFile {
        /// The path.
        file: &'static str,
    },
    /// The file is longer than any real one.
    #[error("{file} of the image is too long; name user and groups by number in the resource instead")]
    TooLong {
        /// The path.
        file: &'static str,
    },
}

/// A fault within a layer, before it is known whether the layer is what it should be.
#[derive(Debug)]
pub(super) enum ContentError {
    Tar(TarError),
    Index(IndexError),
}

impl ContentError {
    pub(super) fn of_layer(self, digest: Digest) -> LayerError {
        match self {
            Self::Tar(source) => LayerError::Content { digest, source },
            Self::Index(source) => LayerError::Index { digest, source },
        }
    }
}

impl From<TarError> for ContentError {
    fn from(error: TarError) -> Self {
        Self::Tar(error)
    }
}

impl From<io::Error> for ContentError {
    fn from(error: io::Error) -> Self {
        Self::Tar(error.into())
    }
}

impl From<IndexError> for ContentError {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}
