//! A log and its states: empty, locked, open.

mod append;
mod empty;
mod locked;
mod reader;
mod replay;
mod sealed;
mod shared;

use crate::backend::Backend;
use crate::chain::Digest;
use crate::error::StoreError;
use crate::header::Header;
pub use append::Append;
pub use empty::EmptyLog;
pub use locked::LockedLog;
pub use reader::{LogReader, Records};
pub use sealed::SealedLog;
use std::sync::Arc;

/// What an engine holds.
#[derive(Debug)]
pub enum Opened {
    /// No log yet.
    Empty(EmptyLog),
    /// A log; its events need the seed.
    Locked(LockedLog),
}

/// Opens the log in `backend`.
///
/// # Errors
/// If the engine fails, or the header is damaged or of a newer format. Events are not looked at.
pub fn open(backend: impl Backend) -> Result<Opened, StoreError> {
    let backend: Arc<dyn Backend> = Arc::new(backend);
    Ok(match backend.header()? {
        None => Opened::Empty(EmptyLog::new(backend)),
        Some(bytes) => {
            let (header, origin) = Header::parse(&bytes)?;
            let events = backend.head()?;
            Opened::Locked(LockedLog::new(backend, header, origin, events))
        }
    })
}

/// An event as it is read back, authentic and in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed<'a> {
    /// Its position, from 0.
    pub position: u64,
    /// Chain digest up to and with this event.
    pub digest: Digest,
    /// Its bytes.
    pub event: &'a [u8],
}

/// A [`Replayed`] that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedReplayed {
    /// Its position, from 0.
    pub position: u64,
    /// Chain digest up to and with this event.
    pub digest: Digest,
    /// Its bytes.
    pub event: Vec<u8>,
}

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of events.
    pub events: u64,
    /// Chain digest over all of them.
    pub digest: Digest,
}
