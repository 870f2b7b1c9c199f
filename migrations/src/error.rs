//! Why a store could not be brought to another layout.

/// Failure of a migration. The store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// Written by a newer version of this program.
    #[error("it has layout {found}, but the newest known is {newest}")]
    Newer {
        /// Layout found.
        found: u32,
        /// Newest layout known.
        newest: u32,
    },
    /// The store has no version number, or not one of the form that was ever written.
    #[error("its layout has no version")]
    NoVersion,
    /// A step failed.
    #[error("the step to layout {to} ({name}) failed: {reason}")]
    Step {
        /// The layout that the step leads to.
        to: u32,
        /// The step's name.
        name: &'static str,
        /// What went wrong in it.
        reason: StepError,
    },
    /// The engine failed before or after the steps.
    #[error("{0}")]
    Engine(#[from] sled::Error),
}

/// Failure of one step.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The engine failed.
    #[error("{0}")]
    Engine(#[from] sled::Error),
    /// A key or value does not have the form that the older layout gives it.
    #[error("a stored value has a form that the older layout does not know")]
    Form,
}
