//! What comes from registries.

use std::io::Read;

use contrast_image::{Config, Descriptor, Digest, Document, Layer, Reference, Source, SourceError, Wanted};

/// An uncompressed layer: what is found out does not depend on what else is wanted.
///
/// # Panics
/// If it does.
pub fn image_layer(bytes: &[u8]) {
    let digest = Digest::of(bytes);
    let descriptor = Descriptor {
        media_type: "application/vnd.oci.image.layer.v1.tar".to_owned(),
        digest,
        size: bytes.len() as u64,
        platform: None,
        annotations: Default::default(),
    };
    let layer = Layer { descriptor, diff_id: digest };
    let examine = |accounts, root_hash| layer.examine(&Memory(bytes), Wanted { accounts, root_hash });
    if let Ok(all) = examine(true, true) {
        assert!(all.root_hash.is_some());
        assert_eq!(examine(false, true).ok().and_then(|facts| facts.root_hash), all.root_hash);
        assert!(examine(true, false).is_ok());
    }
}

/// A manifest, an index, or a configuration: an image that is chosen is one of the index, and the configuration has a
/// digest for each layer.
///
/// # Panics
/// If not.
pub fn image_manifest(bytes: &[u8]) {
    if let Ok(Document::Index(index)) = Document::parse(bytes, None)
        && let Ok(chosen) = index.choose()
    {
        assert!(index.manifests.contains(chosen));
    }
    for layers in 0..3 {
        if let Ok(config) = Config::parse(bytes, layers) {
            assert_eq!(config.diff_ids.len(), layers);
        }
    }
}

/// A name of an image: what is accepted is the same when it was written in full and read again.
///
/// # Panics
/// If it is not.
pub fn image_reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = text.parse::<Reference>() {
        let again: Result<Reference, _> = read.to_string().parse();
        assert_eq!(again.map(|again| again.to_string()), Ok(read.to_string()));
    }
}

/// One blob.
struct Memory<'a>(&'a [u8]);

impl Source for Memory<'_> {
    fn manifest(&self, wanted: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        self.blob(wanted)
    }

    fn blob(&self, _: &Descriptor) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        Ok(Box::new(self.0))
    }
}
