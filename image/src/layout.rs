//! Images on disk: an OCI layout as a folder or an archive, or what `docker save` writes.
//!
//! OCI image specification, "Image Layout". Docker's present archives are layouts as well; its older ones, without
//! manifests, are read too.

mod docker;
mod files;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use crate::{
    descriptor::Descriptor,
    digest::{Digest, shortened},
    reference::Reference,
    source::{Image, ImageError, Source, SourceError},
    tar::TarError,
};
use docker::Docker;
use files::Files;

/// A folder or an archive with images.
pub struct Layout {
    path: PathBuf,
    files: Files,
    content: Content,
}

enum Content {
    Oci(Vec<Descriptor>),
    Docker(Docker),
}

/// Why a path has no images that can be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Reading failed.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is no tar archive.
    #[error("{path} is no archive of images: {source}")]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: TarError,
    },
    /// The archive as a whole is compressed, so that nothing in it can be found.
    #[error("{0} is compressed; uncompress it first, for example with `gunzip` or `unzstd`")]
    Compressed(PathBuf),
    /// There is neither `oci-layout` nor `manifest.json`.
    #[error(
        "{0} has neither `oci-layout` nor `manifest.json`; make it with `docker save` or `skopeo copy … oci:FOLDER`"
    )]
    NoLayout(PathBuf),
    /// A file that says what is there is too long, malformed, or of another version.
    #[error("{name} in {path} cannot be read: {reason}")]
    Malformed {
        /// The folder or archive.
        path: PathBuf,
        /// The file in it.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no image of this name.
    #[error("{path} has no image {reference}, only {}", list(holds))]
    NoSuchImage {
        /// The folder or archive.
        path: PathBuf,
        /// What was asked for.
        reference: Box<Reference>,
        /// The names and digests that it has.
        holds: Vec<String>,
    },
    /// Several different images have this name.
    #[error("{path} has several images with the name {reference}; name the digest of one")]
    Several {
        /// The folder or archive.
        path: PathBuf,
        /// What was asked for.
        reference: Box<Reference>,
    },
    /// Without manifests, nothing shows that an image has the digest that was asked for.
    #[error(
        "{path} has Docker's old form, without digests of images, so {reference} cannot be found in it; save the image \
         with a present program, for example `skopeo copy … oci-archive:FILE`"
    )]
    NoDigests {
        /// The archive.
        path: PathBuf,
        /// What was asked for.
        reference: Box<Reference>,
    },
    /// The image is there, but cannot be used.
    #[error("{reference} in {path}: {source}")]
    Image {
        /// The folder or archive.
        path: PathBuf,
        /// What was asked for.
        reference: Box<Reference>,
        /// What is wrong with it.
        source: Box<ImageError>,
    },
}

/// Annotations that hold an image's name: the specification's, and that of containerd and Docker, which is complete.
const NAMES: [&str; 2] = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];
/// The files that say what is there are shorter.
const MAX_FILE: u64 = 4 << 20;

impl Layout {
    /// Opens a folder or an archive. Of an archive, only the headers are read.
    ///
    /// # Errors
    /// If it is neither an OCI layout nor an archive of Docker.
    pub fn open(path: &Path) -> Result<Self, LayoutError> {
        let files = Files::open(path)?;
        let json = |name: &str| -> Result<Option<Vec<u8>>, LayoutError> {
            files.read(name, MAX_FILE).map_err(|error| match error {
                files::ReadError::Io(source) => LayoutError::Io { path: path.join(name), source },
                files::ReadError::TooLong => malformed(path, name, format!("more than {MAX_FILE} bytes")),
            })
        };
        let content = match json("oci-layout")? {
            Some(marker) => {
                read_json::<Marker>(path, "oci-layout", &marker)?.check(path)?;
                let index = json("index.json")?;
                let index = index.ok_or_else(|| malformed(path, "index.json", "it is missing".to_owned()))?;
                Content::Oci(read_json::<Index>(path, "index.json", &index)?.manifests)
            }
            None => {
                let manifest =
                    json("manifest.json")?.ok_or_else(|| LayoutError::NoLayout(path.to_owned()))?;
                Content::Docker(Docker::read(path, &files, &manifest)?)
            }
        };
        Ok(Self { path: path.to_owned(), files, content })
    }

    /// The image that `reference` names, if it is here. A digest finds an image or an index by that digest, whatever
    /// its name is; a tag, one whose name in the layout is the whole reference. A name that is a tag alone is not
    /// enough: it could be that of any repository.
    ///
    /// # Errors
    /// If there is none, or more than one, or if what is there is damaged or cannot run in a confidential pod.
    pub fn image(&self, reference: &Reference) -> Result<Image, LayoutError> {
        let found = match &self.content {
            Content::Oci(entries) => Image::read(self, self.choose(entries, reference)?),
            Content::Docker(docker) => {
                if reference.digest().is_some() {
                    return Err(LayoutError::NoDigests {
                        path: self.path.clone(),
                        reference: Box::new(reference.clone()),
                    });
                }
                let named = docker.images().filter(|image| image.names.contains(reference));
                let manifest = self.only(named.map(|image| &image.manifest), reference)?;
                Image::of_manifest(self, manifest.clone(), None, None)
            }
        };
        found.map_err(|source| LayoutError::Image {
            path: self.path.clone(),
            reference: Box::new(reference.clone()),
            source: Box::new(source),
        })
    }

    fn choose<'a>(
        &self,
        entries: &'a [Descriptor],
        reference: &Reference,
    ) -> Result<&'a Descriptor, LayoutError> {
        match reference.digest() {
            // The same image can have several names.
            Some(digest) => {
                entries.iter().find(|entry| entry.digest == digest).ok_or_else(|| self.none(reference))
            }
            None => self
                .only(entries.iter().filter(|entry| names(entry).any(|name| name == *reference)), reference),
        }
    }

    /// The one of `found`; the same one several times is one.
    fn only<'a, T: PartialEq>(
        &self,
        mut found: impl Iterator<Item = &'a T>,
        reference: &Reference,
    ) -> Result<&'a T, LayoutError> {
        let first = found.next().ok_or_else(|| self.none(reference))?;
        if found.any(|other| other != first) {
            return Err(LayoutError::Several {
                path: self.path.clone(),
                reference: Box::new(reference.clone()),
            });
        }
        Ok(first)
    }

    fn none(&self, reference: &Reference) -> LayoutError {
        let holds: BTreeSet<String> = match &self.content {
            Content::Oci(entries) => entries
                .iter()
                .map(|entry| {
                    let texts = NAMES.iter().filter_map(|name| entry.annotations.get(*name));
                    texts.map(|text| shortened(text)).next_back().unwrap_or_else(|| entry.digest.to_string())
                })
                .collect(),
            Content::Docker(docker) => {
                docker.images().flat_map(|image| &image.names).map(ToString::to_string).collect()
            }
        };
        LayoutError::NoSuchImage {
            path: self.path.clone(),
            reference: Box::new(reference.clone()),
            holds: holds.into_iter().collect(),
        }
    }

    fn open_file(&self, digest: Digest) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let other_name = match &self.content {
            Content::Docker(docker) => docker.file(digest),
            Content::Oci(_) => None,
        };
        let name = other_name.map_or_else(|| blob_name(digest), str::to_owned);
        let place = || self.path.display().to_string();
        match self.files.get(&name) {
            Ok(Some(file)) => Ok(file),
            Ok(None) => Err(SourceError::Missing { digest, place: place() }),
            Err(source) => Err(SourceError::Io { digest, place: place(), source: Arc::new(source) }),
        }
    }
}

impl Source for Layout {
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.open_file(wanted.digest)
    }

    fn blob(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.open_file(wanted.digest)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Marker {
    fn check(&self, path: &Path) -> Result<(), LayoutError> {
        if self.image_layout_version.starts_with("1.") {
            return Ok(());
        }
        let version = shortened(&self.image_layout_version);
        Err(malformed(path, "oci-layout", format!("version {version:?} is not known")))
    }
}

/// `index.json` of a layout: other than in an image's index, entries are different images.
#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

fn blob_name(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The complete names of an entry. A text without a slash and a colon would be a repository of Docker Hub if read as
/// a reference, but is a tag here.
fn names(entry: &Descriptor) -> impl Iterator<Item = Reference> {
    let texts = NAMES.iter().filter_map(|name| entry.annotations.get(*name));
    texts.filter(|text| text.contains(['/', ':'])).filter_map(|text| text.parse().ok())
}

fn read_json<'a, T: Deserialize<'a>>(path: &Path, name: &str, bytes: &'a [u8]) -> Result<T, LayoutError> {
    serde_json::from_slice(bytes).map_err(|error| malformed(path, name, error.to_string()))
}

fn malformed(path: &Path, name: &str, reason: String) -> LayoutError {
    LayoutError::Malformed { path: path.to_owned(), name: name.to_owned(), reason }
}

fn list(names: &[String]) -> String {
    const MOST: usize = 20;
    let mut shown: Vec<_> = names.iter().take(MOST).map(String::as_str).collect();
    let more = format!("{} more", names.len().saturating_sub(MOST));
    if names.len() > MOST {
        shown.push(&more);
    }
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}

/// Files by name, those that several images share only once.
type ByDigest = BTreeMap<Digest, String>;

#[cfg(test)]
mod tests;
