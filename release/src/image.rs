//! Images: layers, configuration and manifest (OCI image specification 1.1).

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use contrast_image::Digest;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    recipe::About,
    tar::{self, ArchiveError},
    tree::Tree,
};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What holds for all images of one build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// Registry and project, without a slash at the end.
    pub registry: String,
    /// The version, without `v`.
    pub version: String,
    /// The commit, if the files are those of one.
    pub revision: Option<String>,
    /// When that was made.
    pub time: OffsetDateTime,
}

/// A layer: what it is made from, and what is in it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// One sentence for `docker history`.
    pub origin: String,
    /// Its content.
    pub tree: Tree,
}

/// An image in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Its name with its tag, without its digest.
    pub name: String,
    tag: String,
    blobs: BTreeMap<Digest, Vec<u8>>,
    manifest: Digest,
    manifest_size: usize,
}

/// Why an image cannot be made or written.
#[derive(thiserror::Error, Debug)]
pub enum ImageError {
    /// A layer cannot be archived.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A layer cannot be compressed.
    #[error("a layer cannot be compressed: {0}")]
    Compression(io::Error),
    /// JSON cannot be written.
    #[error("a document cannot be written: {0}")]
    Json(serde_json::Error),
    /// The time is in another age.
    #[error("the time {0} cannot be written as RFC 3339 wants it")]
    Time(OffsetDateTime),
    /// A file cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
}

impl Release {
    /// The tag of its images.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Its time in the form of RFC 3339.
    ///
    /// # Errors
    /// If its year has more than four digits.
    pub fn created(&self) -> Result<String, ImageError> {
        self.time.format(&Rfc3339).map_err(|_| ImageError::Time(self.time))
    }
}

impl Image {
    /// Makes an image of layers, bottom first. The same input gives the same bytes.
    ///
    /// # Errors
    /// If a layer cannot be archived.
    pub fn new(name: &str, about: &About, release: &Release, layers: &[Layer]) -> Result<Self, ImageError> {
        let mut blobs = BTreeMap::new();
        let mut keep = |media_type: &str, bytes: Vec<u8>| {
            let digest = Digest::of(&bytes);
            let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
            blobs.insert(digest, bytes);
            descriptor
        };
        let (mut descriptors, mut diff_ids, mut history) = (Vec::new(), Vec::new(), Vec::new());
        let created = release.created()?;
        for layer in layers {
            let archive = tar::archive(&layer.tree)?;
            diff_ids.push(Digest::of(&archive));
            descriptors.push(keep(LAYER, compressed(&archive).map_err(ImageError::Compression)?));
            history.push(json!({ "created": created, "created_by": layer.origin }));
        }
        let labels = labels(name, about, release, &created);
        let config = json!({
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": about.user,
                "Env": ["PATH=/usr/sbin:/usr/bin"],
                "Entrypoint": about.entrypoint,
                "WorkingDir": "/",
                "Labels": labels,
            },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history,
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": keep(CONFIG, config.to_string().into_bytes()),
            "layers": descriptors,
            "annotations": labels,
        });
        let manifest = manifest.to_string().into_bytes();
        let (digest, manifest_size) = (Digest::of(&manifest), manifest.len());
        keep(MANIFEST, manifest);
        let tag = release.tag();
        let name = format!("{}/{name}:{tag}", release.registry);
        Ok(Self { name, tag, blobs, manifest: digest, manifest_size })
    }

    /// The digest of its manifest, by which it is pinned.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.manifest
    }

    /// Its name with tag and digest.
    #[must_use]
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.name, self.manifest)
    }

    /// Bytes that a registry stores.
    #[must_use]
    pub fn size(&self) -> usize {
        self.blobs.values().map(Vec::len).sum()
    }

    /// The files of its layout, by their path in it (OCI image specification, "Image Layout").
    #[must_use]
    pub fn layout(&self) -> BTreeMap<String, Vec<u8>> {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{
                "mediaType": MANIFEST,
                "digest": self.manifest,
                "size": self.manifest_size,
                "platform": { "architecture": "amd64", "os": "linux" },
                // The specification wants a tag here; containerd reads the whole name from its own annotation.
                "annotations": {
                    "io.containerd.image.name": self.name,
                    "org.opencontainers.image.ref.name": self.tag,
                },
            }],
        });
        let blobs = self
            .blobs
            .iter()
            .map(|(digest, bytes)| (format!("blobs/sha256/{}", digest.hex()), bytes.clone()));
        let marker = json!({ "imageLayoutVersion": "1.0.0" });
        let files = [("oci-layout", marker), ("index.json", index)];
        let files = files.map(|(name, value): (_, Value)| (name.to_owned(), value.to_string().into_bytes()));
        blobs.chain(files).collect()
    }

    /// Writes its layout into a folder, in place of one that was there.
    ///
    /// # Errors
    /// If something cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), ImageError> {
        match fs::remove_dir_all(folder) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(writing(folder)(cause)),
            _ => {}
        }
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(writing(&blobs))?;
        for (name, bytes) in self.layout() {
            let path = folder.join(name);
            fs::write(&path, bytes).map_err(writing(&path))?;
        }
        Ok(())
    }
}

/// Labels of the configuration, and annotations of the manifest (OCI image specification, "Pre-Defined Annotation Keys").
fn labels(name: &str, about: &About, release: &Release, created: &str) -> BTreeMap<String, String> {
    let fields = [
        ("title", Some(name.to_owned())),
        ("description", Some(about.description.clone())),
        ("version", Some(release.version.clone())),
        ("created", Some(created.to_owned())),
        ("revision", release.revision.clone()),
    ];
    let labels = fields
        .into_iter()
        .filter_map(|(key, value)| Some((format!("org.opencontainers.image.{key}"), value?)));
    labels.collect()
}

/// The same bytes for the same archive: without a time, and without the system that it was made on.
fn compressed(archive: &[u8]) -> io::Result<Vec<u8>> {
    const UNKNOWN_SYSTEM: u8 = 255;
    let header = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
    let mut gzip = header.write(Vec::new(), Compression::default());
    gzip.write_all(archive)?;
    gzip.finish()
}

pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    let path = path.to_owned();
    move |cause| ImageError::Io { path, cause }
}
