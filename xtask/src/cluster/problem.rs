//! Why there is no cluster, and what to do next.

use std::{fmt, path::PathBuf};

use super::obstacle::Obstacle;
use crate::failure::Failure;

/// Every way in which a cluster can fail.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The machine does not permit a cluster.
    Obstacle(Obstacle),
    /// The path cannot be an option of a mount, or is a link.
    Folder { folder: PathBuf },
    /// There is something in the folder that no cluster made.
    Occupied { folder: PathBuf },
    /// There is a cluster in the folder, with another containerd.
    OtherContainerd { folder: PathBuf },
    /// No cluster runs there.
    NotRunning { folder: PathBuf },
    /// Too little room on a disk, in MiB.
    NoRoom { folder: PathBuf, needed: u64, left: u64 },
    /// Something of the machine would be writable from inside the node.
    Unsafe { mounts: Vec<String> },
    /// The node's first process ended.
    Ended { log: PathBuf, last: String },
    /// Something did not happen in time.
    Late { what: &'static str, seconds: u64, logs: PathBuf, said: String },
    /// Something of the node is still there.
    Left { what: String },
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Cluster(problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Obstacle(obstacle) => {
                write!(f, "Error: there can be no cluster here: {obstacle}.\n  next: {}", obstacle.advice())
            }
            Self::Folder { folder } => write!(
                f,
                "Error: {} cannot be the folder of a cluster: its path is an option of a mount, which takes only \
                 letters, digits and the characters / . _ - + @, and it may not be a link.\n  \
                 next: choose another one with --dir.",
                folder.display()
            ),
            Self::Occupied { folder } => write!(
                f,
                "Error: {} is not empty, and no cluster has made it.\n  next: choose another folder with --dir.",
                folder.display()
            ),
            Self::OtherContainerd { folder } => write!(
                f,
                "Error: the cluster in {0} runs with another containerd.\n  \
                 next: end it with `cargo xtask cluster down --dir {0}`, or choose another folder with --dir.",
                folder.display()
            ),
            Self::NotRunning { folder } => write!(
                f,
                "Error: no cluster runs in {}.\n  next: `cargo xtask cluster up`, with the same options.",
                folder.display()
            ),
            Self::NoRoom { folder, needed, left } => write!(
                f,
                "Error: {} has {left} MiB left, and {needed} MiB are needed.\n  \
                 next: make room there, or choose another disk (XDG_CACHE_HOME for built programs, --dir for the cluster).",
                folder.display()
            ),
            Self::Unsafe { mounts } => {
                f.write_str(
                    "Error: the node was not started, since it could have written to this machine's files:\n",
                )?;
                for mount in mounts {
                    writeln!(f, "    {mount}")?;
                }
                f.write_str("  next: make these mounts read-only in tests/cluster/scripts/init.sh, or leave them out.")
            }
            Self::Ended { log, last } => write!(
                f,
                "Error: the node's first process has ended. Its last words: {}\n  next: read {}.",
                if last.is_empty() { "none." } else { last },
                log.display()
            ),
            Self::Late { what, seconds, logs, said } => write!(
                f,
                "Error: {what} is not there after {seconds} s: {}\n  \
                 next: read the logs in {}; `cargo xtask cluster up` waits again, `down` removes everything.",
                if said.is_empty() { "no answer." } else { said },
                logs.display()
            ),
            Self::Left { what } => write!(
                f,
                "Error: the cluster left something behind: {what}.\n  \
                 next: end who uses it, and repeat `cargo xtask cluster down`."
            ),
        }
    }
}
