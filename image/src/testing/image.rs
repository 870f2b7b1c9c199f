//! Makes images, in the form of an OCI layout.

use std::{collections::BTreeMap, fs, path::Path};

use crate::digest::Digest;

/// An image in the making.
#[derive(Clone, Default)]
pub(crate) struct TestImage {
    /// Media type, bytes as they are stored, and digest of the uncompressed bytes.
    pub(crate) layers: Vec<(String, Vec<u8>, Digest)>,
    /// Members of `config`, as JSON.
    pub(crate) process: String,
    /// Its name in a layout.
    pub(crate) name: Option<String>,
}

impl TestImage {
    pub(crate) fn plain(mut self, tar: Vec<u8>) -> Self {
        let diff_id = Digest::of(&tar);
        self.layers.push(("application/vnd.oci.image.layer.v1.tar".to_owned(), tar, diff_id));
        self
    }

    pub(crate) fn layer(mut self, media_type: &str, stored: Vec<u8>, tar: &[u8]) -> Self {
        self.layers.push((media_type.to_owned(), stored, Digest::of(tar)));
        self
    }

    pub(crate) fn config(&self) -> String {
        let diff_ids: Vec<_> = self.layers.iter().map(|(_, _, id)| format!("\"{id}\"")).collect();
        format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{{}}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            self.process,
            diff_ids.join(",")
        )
    }

    pub(crate) fn manifest(&self) -> String {
        let config = descriptor("application/vnd.oci.image.config.v1+json", self.config().as_bytes());
        let layers: Vec<_> = self.layers.iter().map(|(kind, bytes, _)| descriptor(kind, bytes)).collect();
        format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{}]}}"#, layers.join(","))
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.manifest().as_bytes())
    }

    /// Files of a layout that has only this image.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let manifest = self.manifest();
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
        if let Some(name) = &self.name {
            entry.pop();
            entry.push_str(&format!(r#","annotations":{{"org.opencontainers.image.ref.name":"{name}"}}}}"#));
        }
        let mut files = BTreeMap::from([
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#).into_bytes()),
        ]);
        let blobs = [manifest.into_bytes(), self.config().into_bytes()];
        for blob in blobs.into_iter().chain(self.layers.iter().map(|(_, bytes, _)| bytes.clone())) {
            files.insert(format!("blobs/sha256/{}", Digest::of(&blob).hex()), blob);
        }
        files
    }
}

/// A descriptor of `bytes`.
pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#, Digest::of(bytes), bytes.len())
}

/// Writes files below `folder`.
pub(crate) fn write_folder(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
