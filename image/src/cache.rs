//! What was found out before, in a directory that several runs can use at the same time.
//!
//! A file for each entry, named by a digest over everything that the entry depends on. It is written aside and moved
//! into place, so that a reader sees all of it or nothing, also after a kill; and it begins with a digest of the rest, so
//! that what a failing disk left is noticed. No run waits for another: entries never change, and whoever finds one
//! removed just finds it out anew. Layers are not kept, only what was found out about them.

mod files;
mod source;

use std::{collections::BTreeMap, path::Path};

use crate::{
    descriptor::Descriptor,
    digest::Digest,
    layer::{AccountsError, LayerError, LayerFacts, Wanted},
    source::{Image, Layer, Source},
    users::Accounts,
};
use files::Files;
pub use source::CachedSource;
use source::Nowhere;

/// Kept entries.
pub struct Cache {
    files: Files,
}

/// Entries of another form have other names.
const FORM: &str = "1";
/// The type of a document that nobody announced (RFC 2046 section 4.5.1).
const ANY_TYPE: &str = "application/octet-stream";
/// More bytes than any entry has: a configuration, or two account files.
const MAX_ENTRY: u64 = 16 << 20;

impl Cache {
    /// Keeps entries in `folder`, which is made when it is needed, of no more than about `limit` bytes: those that
    /// were not used for the longest time are removed.
    #[must_use]
    pub fn new(folder: &Path, limit: u64) -> Self {
        Self { files: Files::new(folder, limit) }
    }

    /// [`Layer::examine`], unless the same was found out before. A cache that cannot be written is a warning only.
    ///
    /// # Errors
    /// As [`Layer::examine`].
    pub fn examine(
        &self,
        layer: &Layer,
        source: &dyn Source,
        wanted: Wanted,
    ) -> Result<LayerFacts, LayerError> {
        let key = key(&[
            "layer",
            &layer.descriptor.digest.to_string(),
            &layer.descriptor.media_type,
            &layer.diff_id.to_string(),
            if wanted.accounts { "accounts" } else { "" },
            if wanted.root_hash { "root hash" } else { "" },
        ]);
        if let Some(facts) = self.files.get(key).and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(facts);
        }
        let facts = layer.examine(source, wanted)?;
        if let Ok(bytes) = serde_json::to_vec(&facts) {
            self.files.put(key, &bytes);
        }
        Ok(facts)
    }

    /// [`Image::examine`], but for what was found out before.
    ///
    /// # Errors
    /// As [`Image::examine`].
    pub fn examine_all(
        &self,
        image: &Image,
        source: &dyn Source,
        wanted: Wanted,
    ) -> Result<Vec<LayerFacts>, LayerError> {
        image.examine_with(|layer| self.examine(layer, source, wanted))
    }

    /// [`Image::accounts`], but for what was found out before.
    ///
    /// # Errors
    /// As [`Image::accounts`].
    pub fn accounts(&self, image: &Image, source: &dyn Source) -> Result<Accounts, AccountsError> {
        image.accounts_with(|layer| self.examine(layer, source, Wanted::ACCOUNTS))
    }

    /// The image of a digest, if it was read before, without asking anybody.
    #[must_use]
    pub fn image(&self, digest: Digest) -> Option<Image> {
        let root = Descriptor {
            media_type: ANY_TYPE.to_owned(),
            digest,
            size: self.blob(digest)?.len() as u64,
            platform: None,
            annotations: BTreeMap::new(),
        };
        Image::read(&CachedSource::new(&Nowhere, self), &root).ok()
    }

    /// [`Image::examine`], if all of it was found out before, without asking anybody.
    #[must_use]
    pub fn known(&self, image: &Image, wanted: Wanted) -> Option<Vec<LayerFacts>> {
        self.examine_all(image, &Nowhere, wanted).ok()
    }

    /// A blob that was kept, checked.
    fn blob(&self, digest: Digest) -> Option<Vec<u8>> {
        self.files.get(blob_key(digest)).filter(|bytes| Digest::of(bytes) == digest)
    }

    /// Keeps a blob whose digest was checked.
    fn keep_blob(&self, digest: Digest, bytes: &[u8]) {
        self.files.put(blob_key(digest), bytes);
    }
}

fn blob_key(digest: Digest) -> Digest {
    key(&["blob", &digest.to_string()])
}

/// A name for what depends on all of `parts`.
fn key(parts: &[&str]) -> Digest {
    let lines: String = [FORM].iter().chain(parts).map(|part| format!("{} {part}\n", part.len())).collect();
    Digest::of(lines.as_bytes())
}

#[cfg(test)]
mod tests;
