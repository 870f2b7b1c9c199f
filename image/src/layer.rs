//! What is in a layer: read once, from its first to its last byte, and believed only if its digests are right.

mod accounts;
mod bounded;
mod error;

use std::{
    io::{self, Read, Write},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use serde::{Deserialize, Serialize};

use crate::{
    compression::Compression,
    digest::{Checked, Digest},
    source::{Image, Layer, Source},
    tar::{Reader, Streamed, TarError},
    users::Accounts,
    verity::{RootHash, RootHasher, TarIndex},
};
pub(crate) use accounts::Trace;
use accounts::{Files, Scan};
use bounded::Bounded;
pub use error::{AccountsError, LayerError};

/// What to find out about a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// What it says about `/etc/passwd` and `/etc/group`.
    pub accounts: bool,
    /// The dm-verity root hash of the device by which a snapshotter shows it.
    pub root_hash: bool,
}

impl Wanted {
    pub(crate) const ACCOUNTS: Self = Self { accounts: true, root_hash: false };
}

/// What was found out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LayerFacts {
    accounts: Option<Files<Trace>>,
    /// If it was wanted.
    pub root_hash: Option<RootHash>,
}

/// What one layer may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Uncompressed bytes.
    bytes: u64,
    /// Uncompressed bytes for each compressed one, beyond what anybody may have.
    ratio: u64,
    free: u64,
    /// Entries of the archive.
    entries: u64,
}

/// Layers that are read at the same time. More would only wait for each other's bytes.
const AT_ONCE: usize = 4;

impl Limits {
    /// The largest images for processors of graphics stay below that.
    const USUAL: Self = Self { bytes: 64 << 30, ratio: 200, free: 64 << 20, entries: 500_000 };

    fn uncompressed(&self, size: u64) -> u64 {
        size.saturating_mul(self.ratio).max(self.free).min(self.bytes)
    }
}

impl Image {
    /// Users and groups of the image: for each of the two files, the top-most layer that has it, or that hides it,
    /// decides. No layer below that is read.
    ///
    /// # Errors
    /// If a layer cannot be read, or one of the files cannot be found without following a link.
    pub fn accounts(&self, source: &dyn Source) -> Result<Accounts, AccountsError> {
        self.accounts_with(|layer| layer.examine(source, Wanted::ACCOUNTS))
    }

    /// [`Image::accounts`] with another way to examine a layer.
    pub(crate) fn accounts_with(
        &self,
        examine: impl Fn(&Layer) -> Result<LayerFacts, LayerError>,
    ) -> Result<Accounts, AccountsError> {
        let mut found = Files::default();
        for layer in self.layers.iter().rev() {
            if found.is_decided() {
                break;
            }
            found.add_below(examine(layer)?);
        }
        found.accounts()
    }

    /// The same from facts about the layers, bottom first, that were wanted with accounts.
    ///
    /// # Errors
    /// As [`Image::accounts`].
    pub fn accounts_of(layers: &[LayerFacts]) -> Result<Accounts, AccountsError> {
        let mut found = Files::default();
        layers.iter().rev().for_each(|facts| found.add_below(facts.clone()));
        found.accounts()
    }
}

impl Image {
    /// Facts about all layers, bottom first. Several are read at once, and one that is there twice only once.
    ///
    /// # Errors
    /// That of the lowest layer that cannot be used. No further one is begun after a failure.
    pub fn examine(&self, source: &dyn Source, wanted: Wanted) -> Result<Vec<LayerFacts>, LayerError> {
        self.examine_with(|layer| layer.examine(source, wanted))
    }

    /// [`Image::examine`] with another way to examine a layer.
    pub(crate) fn examine_with(
        &self,
        examine: impl Fn(&Layer) -> Result<LayerFacts, LayerError> + Sync,
    ) -> Result<Vec<LayerFacts>, LayerError> {
        let first = |layer: &Layer| self.layers.iter().position(|other| other == layer);
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let slots: Vec<OnceLock<Result<LayerFacts, LayerError>>> =
            self.layers.iter().map(|_| OnceLock::new()).collect();
        let work = || {
            while !failed.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let (Some(layer), Some(slot)) = (self.layers.get(at), slots.get(at)) else { return };
                if first(layer) == Some(at) {
                    let facts = examine(layer);
                    failed.fetch_or(facts.is_err(), Ordering::Relaxed);
                    let _ = slot.set(facts);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..AT_ONCE.min(self.layers.len()) {
                // Without a further thread, this one does it all.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        let mut found: Vec<_> = slots.into_iter().map(OnceLock::into_inner).collect();
        if let Some(error) = found.iter_mut().find_map(|slot| slot.take_if(|facts| facts.is_err())) {
            return error.map(|facts| vec![facts]);
        }
        let found: Vec<_> = found.into_iter().map(|slot| slot.and_then(Result::ok)).collect();
        let facts = |layer| found.get(first(layer)?)?.clone();
        // All are there, since none failed.
        Ok(self.layers.iter().filter_map(facts).collect())
    }

    /// The names of the layers as they are stacked, bottom first: each stands for a layer on those below it (OCI image
    /// specification, "Layer ChainID").
    #[must_use]
    pub fn chain_ids(&self) -> Vec<Digest> {
        let mut below: Option<Digest> = None;
        let chain = self.layers.iter().map(|layer| {
            let id = match below {
                Some(below) => Digest::of(format!("{below} {}", layer.diff_id).as_bytes()),
                None => layer.diff_id,
            };
            below = Some(id);
            id
        });
        chain.collect()
    }
}

impl Layer {
    /// Reads the layer. Memory does not grow with its size, and little with the number of its files.
    ///
    /// # Errors
    /// If it cannot be read, is not what its digests say, is too large, or is no archive.
    pub fn examine(&self, source: &dyn Source, wanted: Wanted) -> Result<LayerFacts, LayerError> {
        self.examine_within(source, wanted, Limits::USUAL)
    }

    fn examine_within(
        &self,
        source: &dyn Source,
        wanted: Wanted,
        limits: Limits,
    ) -> Result<LayerFacts, LayerError> {
        let (digest, media_type) = (self.descriptor.digest, &self.descriptor.media_type);
        let compression = Compression::of_media_type(media_type)
            .ok_or_else(|| LayerError::MediaType { digest, media_type: media_type.clone() })?;
        let size = self.descriptor.size;
        let mut stored = Checked::new(source.blob(&self.descriptor)?, digest, size);
        let read = compression.reader(&mut stored).map_err(TarError::Io).map(|input| {
            let mut bounded = Bounded::new(input, limits.uncompressed(size));
            // Whatever went wrong, what came before it says more.
            let facts = facts(&mut bounded, wanted, limits.entries);
            (facts, bounded.into_end())
        });
        let (facts, end) = read.map_err(|source| LayerError::Content { digest, source })?;
        let end = match end {
            Some(end) => end,
            None => {
                let allowed = limits.uncompressed(size);
                return Err(LayerError::Expands { digest, size, allowed });
            }
        };
        // A damaged layer also breaks decompression; that it is damaged says more.
        let sound =
            stored.finish().map_err(|source| LayerError::Content { digest, source: source.into() })?;
        sound.map_err(|source| LayerError::Damaged { digest, source })?;
        let facts = facts.map_err(|error| error.of_layer(digest))?;
        match end.finish() {
            found if found == self.diff_id => Ok(facts),
            found => Err(LayerError::DiffId { digest, expected: self.diff_id, found }),
        }
    }
}

/// Reads everything, and notes what is wanted.
fn facts(
    input: &mut Bounded<impl Read>,
    wanted: Wanted,
    entries: u64,
) -> Result<LayerFacts, error::ContentError> {
    let mut tee = Tee { input, copy: wanted.root_hash.then(RootHasher::new), length: 0 };
    let mut scan = wanted.accounts.then(Scan::default);
    let most = usize::try_from(entries).unwrap_or(usize::MAX);
    let mut index = wanted.root_hash.then(|| TarIndex::new(most));
    if scan.is_some() || index.is_some() {
        let mut reader = Reader::new(Streamed(&mut tee), entries);
        while let Some(entry) = reader.next()? {
            if let Some(index) = &mut index {
                index.add(&entry)?;
            }
            if let Some(scan) = &mut scan {
                scan.see(&entry, &mut reader)?;
            }
        }
    }
    // What follows the archive's end belongs to the layer, too.
    io::copy(&mut tee, &mut io::sink())?;
    let root_hash = match (tee.copy, index) {
        (Some(mut hasher), Some(index)) => {
            index.write(tee.length, &mut hasher)?;
            Some(hasher.finish()?)
        }
        _ => None,
    };
    Ok(LayerFacts { accounts: scan.map(Scan::finish), root_hash })
}

/// Hands on what is read.
struct Tee<'a, R> {
    input: &'a mut Bounded<R>,
    copy: Option<RootHasher>,
    length: u64,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        if let Some(copy) = &mut self.copy {
            copy.write_all(buffer.get(..read).unwrap_or_default())?;
        }
        self.length += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
