//! Why containerd does not have the runtime, and what state the node is in.

use std::path::PathBuf;

use super::{DocumentError, FilesError, ProgramError};
use crate::{cri::CriError, host::HostError, systemd::SystemdError};

/// Why containerd does not have the runtime. Unless the message says otherwise, the node is as it was.
#[derive(thiserror::Error, Debug)]
pub enum ContainerdError {
    /// The configuration cannot be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The node's files.
    #[error(transparent)]
    Host(#[from] HostError),
    /// systemd.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
    /// containerd.
    #[error(transparent)]
    Cri(#[from] CriError),
    /// One file of the configuration.
    #[error("containerd's configuration {} on the node is left alone: {cause}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: DocumentError,
    },
    /// It is broken already.
    #[error("containerd would not start again with its present configuration {}, which this program has not touched: {cause}. Repair it first; nothing was changed", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What containerd says.
        cause: ProgramError,
    },
    /// containerd does not take the new one.
    #[error("containerd does not take {} with the runtime, so it was not changed: {cause}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What containerd says.
        cause: ProgramError,
    },
    /// Something hides it.
    #[error("containerd would not see the change of {}: another file of its configuration has the last word. Name that file in the ConfigMap contrast-node-installer-target-config; nothing was changed", .0.display())]
    Ignored(PathBuf),
    /// It did not come back, and was brought back.
    #[error("containerd did not come back within {seconds} s with the new configuration ({reason}). The one of before is in place again, and containerd runs. `journalctl -u {unit}` on the node tells why. The same configuration is not tried again before the node restarts, or {} is removed", mark.display())]
    RolledBack {
        /// How long it was waited for.
        seconds: u64,
        /// What was seen last.
        reason: String,
        /// Its unit.
        unit: String,
        /// The file that remembers it.
        mark: PathBuf,
    },
    /// It did not come back at all.
    #[error(
        "containerd does not run: it did not come back with the new configuration ({reason}), nor with the one of before, which is in place again ({after}). This node needs you: `journalctl -u {unit}`, then `systemctl restart {unit}`"
    )]
    Down {
        /// What was seen last with the new configuration.
        reason: String,
        /// What was seen last with the old one.
        after: String,
        /// Its unit.
        unit: String,
    },
    /// It was tried before.
    #[error("containerd did not come back with this configuration before ({reason}), so it is not tried again before the node restarts, or {} is removed on the node", mark.display())]
    TriedBefore {
        /// What was seen then.
        reason: String,
        /// The file that remembers it.
        mark: PathBuf,
    },
}
