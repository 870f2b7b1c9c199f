//! What `docker save` wrote before it wrote OCI layouts: `manifest.json`, configurations, and layers without digests.

use std::{io::Read, path::Path};

use serde::Deserialize;

use super::{ByDigest, Files, LayoutError, MAX_FILE, malformed, read_json};
use crate::{
    compression::Compression,
    config::{Config, MAX_CONFIG},
    descriptor::{Descriptor, or_default},
    digest::{Digest, Hasher, shortened},
    manifest::Manifest,
    reference::Reference,
};

/// The images of an archive.
pub(super) struct Docker {
    images: Vec<Named>,
    files: ByDigest,
}

/// An image and its names.
pub(super) struct Named {
    pub(super) names: Vec<Reference>,
    /// Made from what is there: the archive has none.
    pub(super) manifest: Manifest,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default, deserialize_with = "or_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    layers: Vec<String>,
}

const MANIFEST: &str = "manifest.json";

impl Docker {
    pub(super) fn read(path: &Path, files: &Files, manifest: &[u8]) -> Result<Self, LayoutError> {
        let entries: Vec<Entry> = read_json(path, MANIFEST, manifest)?;
        let mut docker = Self { images: Vec::new(), files: ByDigest::new() };
        for entry in entries {
            let manifest = docker.manifest(path, files, &entry)?;
            let names = entry.repo_tags.iter().filter_map(|name| name.parse().ok()).collect();
            docker.images.push(Named { names, manifest });
        }
        Ok(docker)
    }

    pub(super) fn images(&self) -> impl Iterator<Item = &Named> {
        self.images.iter()
    }

    /// The name of the file with this digest.
    pub(super) fn file(&self, digest: Digest) -> Option<&str> {
        self.files.get(&digest).map(String::as_str)
    }

    fn manifest(&mut self, path: &Path, files: &Files, entry: &Entry) -> Result<Manifest, LayoutError> {
        let io = |name: &str| {
            let path = path.join(name);
            move |source| LayoutError::Io { path, source }
        };
        let missing = |name: &str| malformed(path, MANIFEST, format!("{:?} is not there", shortened(name)));
        let bytes = files.read(&entry.config, MAX_CONFIG.max(MAX_FILE)).map_err(|error| match error {
            super::files::ReadError::Io(source) => io(&entry.config)(source),
            super::files::ReadError::TooLong => {
                malformed(path, &entry.config, format!("more than {MAX_CONFIG} bytes"))
            }
        })?;
        let bytes = bytes.ok_or_else(|| missing(&entry.config))?;
        let config = self.add(&entry.config, Digest::of(&bytes), bytes.len() as u64);
        let diff_ids = Config::parse(&bytes, entry.layers.len()).map(|config| config.diff_ids);
        // What is wrong with it is said when this image is asked for.
        let Ok(diff_ids) = diff_ids else {
            let layers = vec![config.clone(); entry.layers.len()];
            return Ok(Manifest { config, layers });
        };
        let mut layers = Vec::new();
        for (name, diff_id) in entry.layers.iter().zip(diff_ids) {
            let (size, mut input) = files.get_sized(name).map_err(io(name))?.ok_or_else(|| missing(name))?;
            let mut start = Vec::new();
            input.by_ref().take(8).read_to_end(&mut start).map_err(io(name))?;
            let compression = Compression::of_content(&start);
            // A plain layer is its own digest; others have none anywhere, so the archive's own is taken.
            let digest = match compression {
                Compression::Plain => diff_id,
                Compression::Gzip | Compression::Zstd => digest(&start, input).map_err(io(name))?,
            };
            let media_type = compression.media_type().to_owned();
            layers.push(Descriptor { media_type, ..self.add(name, digest, size) });
        }
        Ok(Manifest { config, layers })
    }

    fn add(&mut self, name: &str, digest: Digest, size: u64) -> Descriptor {
        self.files.insert(digest, name.to_owned());
        Descriptor {
            media_type: "application/vnd.docker.container.image.v1+json".to_owned(),
            digest,
            size,
            platform: None,
            annotations: Default::default(),
        }
    }
}

fn digest(start: &[u8], mut rest: impl Read) -> std::io::Result<Digest> {
    let mut hasher = Hasher::default();
    hasher.update(start);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match rest.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}
