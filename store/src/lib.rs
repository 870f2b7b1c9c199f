//! The sealed, append-only event log: the only thing that a Coordinator persists.
//!
//! A log is a header in plain, a chain of sealed events, and sealed blobs that events refer to by SHA-256. It lives
//! in a [`Backend`], which is not trusted: [`SledBackend`] on the local disk. `docs/store-format.md` describes the
//! format to the byte, and what a host that owns the disk can and cannot do.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let seed = [0u8; 64];
//! use contrast_store::{Append, Opened, SledBackend};
//!
//! let log = match contrast_store::open(SledBackend::open("/mnt/state")?)? {
//!     Opened::Empty(empty) => empty
//!         .initialize(&seed, [7; 32], b"seed shares".to_vec(), Append::event(b"first".to_vec()))
//!         .map_err(|(_still_empty, error)| error)?,
//!     Opened::Locked(locked) => locked
//!         .unlock(&seed, |replayed| -> Result<(), std::convert::Infallible> {
//!             println!("{}: {} bytes", replayed.position, replayed.event.len());
//!             Ok(())
//!         })
//!         .map_err(|(_still_locked, error)| error)?,
//! };
//! assert!(log.reader().head().events > 0);
//! # Ok(())
//! # }
//! ```

mod backend;
mod backend_error;
mod chain;
pub mod check;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod header;
mod keys;
mod log;
mod poison;
mod record;
mod sled_backend;
mod xaes;

pub use backend::{Address, Backend, Batch, RecordBatch};
pub use backend_error::{BackendError, Damage, EngineFailure};
pub use chain::Digest;
pub use error::{HeaderDefect, StoreError, UnlockError};
pub use header::{FORMAT_VERSION, Header, LogId};
pub use keys::MIN_SEED_LEN;
pub use log::{
    Append, EmptyLog, Head, LockedLog, LogReader, Opened, OwnedReplayed, Records, Replayed, SealedLog, open,
};
pub use record::{SEALING_OVERHEAD, SealError, SealedParts};
pub use sled_backend::SledBackend;
