//! Why a simulated processor cannot be made or used.

use std::{io, path::PathBuf};

/// Something about a simulated processor's files or keys.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// Making a new processor would destroy the keys of an existing one.
    #[error("{} already holds a simulated processor; choose another directory, or delete it first", dir.display())]
    Exists {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory is not one of a processor.
    #[error("{} holds no simulated processor; make one with `contrast simulator init --dir`", dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A key file does not hold a key of the right kind.
    #[error("{} holds no usable private key; make a new simulated processor", path.display())]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// The certificates do not belong together, or not to the key.
    #[error("the certificates in {} do not form a chain; make a new simulated processor", dir.display())]
    Chain {
        /// The directory.
        dir: PathBuf,
    },
    /// The cryptographic library failed to make a key or a signature.
    #[error("the cryptographic library could not {0}")]
    Crypto(&'static str),
    /// A date lies outside what a certificate can hold.
    #[error("a certificate cannot hold the requested dates, which must lie between 1970 and 9999")]
    Validity,
}
