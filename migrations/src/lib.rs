//! Numbered changes of the store's on-disk layout.
//!
//! A layout is the arrangement of keys and values in the embedded engine. It changes without the seed, so that a
//! locked log can be brought to the present layout: what is sealed stays as it is and is only moved about. The
//! version of a layout is kept next to the data under [`VERSION_KEY`].
//!
//! Opening a store runs the missing [`Step`]s in order. Their changes are gathered and applied as one atomic batch
//! together with the new version number: all or nothing. A step must not assume more memory than its changes need.

mod changes;
mod error;
mod run;

pub use changes::Changes;
pub use error::{MigrationError, StepError};
pub use run::{Outcome, Step, bring_up_to, run};

/// The key of the layout version: four bytes, little-endian.
pub const VERSION_KEY: &[u8] = b"v";

/// The first layout that was released.
pub const FIRST: u32 = 1;

/// Every step that was ever released, ascending and without gaps: the first leads from layout 1 to layout 2.
/// A step that was released is never changed.
pub const STEPS: &[Step] = &[];

/// The layout that this program writes.
pub const CURRENT: u32 = FIRST + STEPS.len() as u32;
