//! What the writer and the readers of an open log have in common.

use super::Head;
use crate::backend::Backend;
use crate::chain::Digest;
use crate::header::Header;
use crate::keys::Keys;
use std::sync::{Arc, PoisonError, RwLock};

/// Between two noted digests there are this many records; reading from the middle chains at most so many anew.
const STRIDE: u64 = 256;

pub(super) struct Shared {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) keys: Keys,
    pub(super) header: Header,
    progress: RwLock<Progress>,
}

impl Shared {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        keys: Keys,
        header: Header,
        progress: Progress,
    ) -> Arc<Self> {
        Arc::new(Self { backend, keys, header, progress: RwLock::new(progress) })
    }

    pub(super) fn head(&self) -> Head {
        self.progress.read().unwrap_or_else(PoisonError::into_inner).head
    }

    /// The last noted digest at or before `position`: the chain digest before the record at the position returned.
    pub(super) fn noted_before(&self, position: u64) -> (u64, Digest) {
        self.progress.read().unwrap_or_else(PoisonError::into_inner).noted_before(position)
    }

    pub(super) fn advance(&self, digests: Vec<Digest>) -> Head {
        let mut progress = self.progress.write().unwrap_or_else(PoisonError::into_inner);
        digests.into_iter().for_each(|digest| progress.push(digest));
        progress.head
    }
}

/// The head, and the digests on the way to it: one in [`STRIDE`], so that they need next to no memory.
pub(super) struct Progress {
    head: Head,
    /// Digest before the record at position `index * STRIDE`.
    noted: Vec<Digest>,
}

impl Progress {
    pub(super) fn new(origin: Digest, digests: impl IntoIterator<Item = Digest>) -> Self {
        let mut progress = Self { head: Head { events: 0, digest: origin }, noted: vec![origin] };
        digests.into_iter().for_each(|digest| progress.push(digest));
        progress
    }

    pub(super) fn push(&mut self, digest: Digest) {
        self.head = Head { events: self.head.events.saturating_add(1), digest };
        if self.head.events.is_multiple_of(STRIDE) {
            self.noted.push(digest);
        }
    }

    fn noted_before(&self, position: u64) -> (u64, Digest) {
        let index =
            usize::try_from(position / STRIDE).unwrap_or(usize::MAX).min(self.noted.len().saturating_sub(1));
        let digest = self.noted.get(index).copied().unwrap_or(self.head.digest);
        ((index as u64).saturating_mul(STRIDE), digest)
    }
}
