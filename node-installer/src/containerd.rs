//! containerd on the node: where it is, what it is told, and how it is brought to know it without ever being lost.

mod document;
mod edits;
mod error;
mod files;
mod guard;
mod locate;
mod program;
mod runtime;
mod switch;
mod template;

pub use document::{Document, DocumentError};
pub use error::ContainerdError;
pub use files::{Files, FilesError};
pub use locate::{LocateError, locate};
pub use program::{IN_ROOT, Program, ProgramError, become_in_root};
pub use runtime::Runtime;

use std::{path::PathBuf, time::Duration};

use crate::{cri::Cri, host::Host, platform::Handler, systemd::Systemd};

/// containerd on the node.
pub struct Containerd {
    /// The node's files.
    pub host: Host,
    /// What runs it.
    pub systemd: Systemd,
    /// The unit that is restarted for it.
    pub unit: String,
    /// Where it answers.
    pub cri: Cri,
    /// What it reads at its start.
    pub source: ConfigurationSource,
    /// Its program, if it is known.
    pub program: Option<Program>,
    /// How long it may take to come back.
    pub limit: Duration,
}

/// What containerd's configuration is made from; paths on the node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigurationSource {
    /// The file that it reads, and those that it imports.
    File(PathBuf),
    /// A template, from which something else writes that file at each start.
    Template {
        /// The template, which need not be there.
        template: PathBuf,
        /// The file.
        rendered: PathBuf,
    },
}

/// What is to be different afterwards.
#[derive(Clone, Default, Debug)]
pub struct Change {
    /// The runtime that has to be there.
    pub wanted: Option<Handler>,
    /// Runtimes that must not be there.
    pub unwanted: Vec<Handler>,
}

impl ConfigurationSource {
    /// The file that containerd reads.
    #[must_use]
    pub fn main(&self) -> &PathBuf {
        match self {
            Self::File(main) => main,
            Self::Template { rendered, .. } => rendered,
        }
    }
}
