//! Manifests and indexes, of OCI and of Docker (image manifest version 2, schema 2).

use serde::Deserialize;

use crate::{
    descriptor::{Descriptor, Platform},
    digest::shortened,
};

/// A larger manifest is refused, as registries do.
pub const MAX_MANIFEST: u64 = 4 << 20;
/// More layers than overlay file systems can stack are refused.
const MAX_LAYERS: usize = 500;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const CONFIG_TYPES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// What an image's digest can stand for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several images, for different platforms.
    Index(Index),
}

/// The parts of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The configuration.
    pub config: Descriptor,
    /// The layers, bottom first.
    pub layers: Vec<Descriptor>,
}

/// Images for different platforms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Index {
    /// In the order of the document.
    pub manifests: Vec<Descriptor>,
}

/// Why bytes are no manifest that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It has more than 4 MiB.
    #[error("the manifest has {0} bytes; at most {MAX_MANIFEST} are read")]
    TooLong(u64),
    /// It is no JSON, or members are missing or of another type.
    #[error("the manifest cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The form of before 2017, without digests of what it contains.
    #[error(
        "the manifest has Docker's old form, schema version {0}; push the image again with a present program"
    )]
    SchemaVersion(u64),
    /// It could be read as both, by two programs in two ways.
    #[error(
        "the manifest has members of an image and of an index, so that programs could read it differently"
    )]
    Ambiguous,
    /// It is something else than its type says.
    #[error("the manifest says that it is {found:?}, but {expected:?} was announced")]
    OtherType {
        /// What referred to it, or what the answer said.
        expected: String,
        /// What it says itself, or looks like.
        found: String,
    },
    /// Something else than an image is stored there, such as a chart or a signature.
    #[error("{0:?} is no container image")]
    NoImage(String),
    /// There are too many layers.
    #[error("the image has {0} layers; at most {MAX_LAYERS} can be stacked")]
    Layers(usize),
    /// No image for confidential pods.
    #[error("there is no image for linux/amd64, only for {}; build it for that platform, too", list(.0))]
    Platforms(Vec<Platform>),
}

/// Both forms at once: which it is, is decided by what is there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    // Schema version 1.
    fs_layers: Option<serde::de::IgnoredAny>,
}

impl Document {
    /// Reads a manifest or an index. `announced` is the media type by which it was referred to, if any.
    ///
    /// # Errors
    /// If it is none, or if it is not what was announced.
    pub fn parse(bytes: &[u8], announced: Option<&str>) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(ManifestError::TooLong(bytes.len() as u64));
        }
        let version = serde_json::from_slice::<Version>(bytes)?.schema_version;
        if version != 2 {
            return Err(ManifestError::SchemaVersion(version));
        }
        let raw: Raw = serde_json::from_slice(bytes)?;
        let own = raw.media_type.clone();
        let document = raw.sort()?;
        // CVE-2021-41190: one document must not be an image for one program and an index for another.
        for claimed in [announced, own.as_deref()].into_iter().flatten() {
            let [oci, docker] = document.types();
            // Some servers announce any JSON as such.
            let vague = claimed == "application/json" || claimed == "application/octet-stream";
            if ![oci, docker].contains(&claimed) && !vague {
                let (expected, found) = (shortened(claimed), own.as_deref().unwrap_or(oci).to_owned());
                return Err(ManifestError::OtherType { expected, found: shortened(&found) });
            }
        }
        if let Self::Manifest(manifest) = &document {
            manifest.check()?;
        }
        Ok(document)
    }

    fn types(&self) -> [&'static str; 2] {
        match self {
            Self::Manifest(_) => [OCI_MANIFEST, DOCKER_MANIFEST],
            Self::Index(_) => [OCI_INDEX, DOCKER_INDEX],
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: u64,
}

impl Raw {
    fn sort(self) -> Result<Document, ManifestError> {
        match self {
            Self { config: Some(config), layers: Some(layers), manifests: None, fs_layers: None, .. } => {
                Ok(Document::Manifest(Manifest { config, layers }))
            }
            Self { config: None, layers: None, manifests: Some(manifests), fs_layers: None, .. } => {
                Ok(Document::Index(Index { manifests }))
            }
            Self { config: None, .. } | Self { layers: None, .. } if self.manifests.is_none() => {
                use serde::de::Error as _;
                Err(serde_json::Error::custom("`config` and `layers`, or `manifests`, are missing").into())
            }
            _ => Err(ManifestError::Ambiguous),
        }
    }
}

impl Manifest {
    fn check(&self) -> Result<(), ManifestError> {
        if !CONFIG_TYPES.contains(&self.config.media_type.as_str()) {
            return Err(ManifestError::NoImage(shortened(&self.config.media_type)));
        }
        if self.layers.len() > MAX_LAYERS {
            return Err(ManifestError::Layers(self.layers.len()));
        }
        Ok(())
    }
}

impl Index {
    /// The image for linux/amd64: the first one, as containerd takes it. Entries without a platform serve if there is
    /// one only; its configuration says then what it is for.
    ///
    /// # Errors
    /// If there is none.
    pub fn choose(&self) -> Result<&Descriptor, ManifestError> {
        let platform = |entry: &Descriptor| entry.platform.clone().unwrap_or_default();
        if let Some(ours) = self.manifests.iter().find(|entry| platform(entry).is_ours()) {
            return Ok(ours);
        }
        let mut images = self.manifests.iter().filter(|entry| !platform(entry).is_unknown());
        match (images.next(), images.next()) {
            (Some(only), None) if only.platform.is_none() => Ok(only),
            _ => {
                let images = self.manifests.iter().map(platform).filter(|it| !it.is_unknown());
                Err(ManifestError::Platforms(images.collect()))
            }
        }
    }
}

fn list(platforms: &[Platform]) -> String {
    const MOST: usize = 20;
    let mut words: Vec<_> = platforms.iter().take(MOST).map(|it| shortened(&it.to_string())).collect();
    if platforms.len() > MOST {
        words.push(format!("{} more", platforms.len() - MOST));
    }
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests;
