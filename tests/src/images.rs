//! Container images as OCI layouts, the same bytes on every machine (OCI image specification 1.1).

use std::{fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const COMPRESSED_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image with one layer.
#[derive(Clone, Debug)]
pub struct ContainerImage {
    /// Its name, without a digest.
    pub name: String,
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

impl ContainerImage {
    /// An image that runs a program, with a file that says what it stands for. `process`: members of `config`.
    #[must_use]
    pub fn new(name: &str, process: Value) -> Self {
        let about = format!("This stands for the image {name}.\n");
        Self::with(name, process, "about", about.as_bytes(), LAYER)
    }

    /// An image with one file.
    #[must_use]
    pub fn with_file(name: &str, process: Value, path: &str, content: &[u8]) -> Self {
        Self::with(name, process, path, content, LAYER)
    }

    /// The same, stored compressed. Not the same bytes with every release of the library that does it.
    #[must_use]
    pub fn compressed(name: &str, process: Value, path: &str, content: &[u8]) -> Self {
        Self::with(name, process, path, content, COMPRESSED_LAYER)
    }

    fn with(name: &str, process: Value, path: &str, content: &[u8], layer_type: &str) -> Self {
        let tar = tar(path, content);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": process,
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", digest(&tar))] },
        });
        let config = config.to_string().into_bytes();
        let layer = if layer_type == COMPRESSED_LAYER { gzip(&tar) } else { tar };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor(layer_type, &layer)],
        });
        Self { name: name.to_owned(), layer, config, manifest: manifest.to_string().into_bytes() }
    }

    /// Its name with its digest.
    #[must_use]
    pub fn pinned(&self) -> String {
        format!("{}@sha256:{}", self.name, digest(&self.manifest))
    }

    /// The digest of its layer, in hexadecimal.
    #[must_use]
    pub fn layer_digest(&self) -> String {
        digest(&self.layer)
    }

    /// Layer and configuration.
    pub(crate) fn blobs(&self) -> [&[u8]; 2] {
        [&self.layer, &self.config]
    }

    pub(crate) fn manifest(&self) -> &[u8] {
        &self.manifest
    }
}

/// Writes a layout with these images into a folder.
///
/// # Panics
/// When it cannot be written.
pub fn write_layout(folder: &Path, images: &[ContainerImage]) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder can be made");
    let write = |path: &Path, content: &[u8]| fs::write(path, content).expect("a file can be written");
    let mut entries = Vec::new();
    for image in images {
        let manifest = image.manifest();
        entries.push(json!({
            "mediaType": MANIFEST,
            "digest": format!("sha256:{}", digest(manifest)),
            "size": manifest.len(),
            "annotations": { "org.opencontainers.image.ref.name": image.name },
        }));
        for blob in image.blobs().into_iter().chain([manifest]) {
            write(&blobs.join(digest(blob)), blob);
        }
    }
    write(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
    write(
        &folder.join("index.json"),
        json!({ "schemaVersion": 2, "manifests": entries }).to_string().as_bytes(),
    );
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{}", digest(bytes)), "size": bytes.len() })
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory can be written")
}

fn tar(path: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = header(path, content.len());
    tar.extend(content);
    // Whole blocks, and two of zeros.
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

/// The header of a file that belongs to root (POSIX.1-2017, `pax`, "ustar Interchange Format").
fn header(path: &str, size: usize) -> Vec<u8> {
    let with_sum = |sum: &str| {
        let fields = [
            (path, 100),
            ("0000644", 8),
            ("0000000", 8),
            ("0000000", 8),
            (&format!("{size:011o}"), 12),
            ("00000000000", 12),
            (sum, 8),
            ("0", 1),
            ("", 100),
            ("ustar\x0000", 8),
            ("", 247),
        ];
        let padded = fields.iter().map(|(text, length)| {
            let mut field = text.as_bytes().to_vec();
            field.resize(*length, 0);
            field
        });
        padded.collect::<Vec<_>>().concat()
    };
    let sum: u32 = with_sum("        ").iter().map(|byte| u32::from(*byte)).sum();
    with_sum(&format!("{sum:06o}\0 "))
}

/// Images in the place of the project's own: of the example application, and of what `generate` adds to pods. They hold no
/// programs; whoever uses them runs those of this build.
#[must_use]
pub fn project_images() -> [ContainerImage; 4] {
    ["shop", "coordinator", "initializer", "service-mesh-proxy"].map(|name| {
        let process = json!({ "Entrypoint": [format!("/usr/bin/{name}")], "Env": ["PATH=/usr/bin"] });
        ContainerImage::new(&format!("ghcr.io/edgelesssys/contrast/{name}:latest"), process)
    })
}

/// The table by which `generate` pins these images, as a release has one.
#[must_use]
pub fn image_replacements(images: &[ContainerImage]) -> String {
    images.iter().map(|image| format!("{} = {}\n", image.name, image.pinned())).collect()
}
