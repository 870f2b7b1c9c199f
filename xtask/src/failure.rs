//! Why a step failed, and what to do next.

use std::{fmt, io, path::PathBuf, process::ExitStatus};

use crate::cluster;

/// Every way in which a step can fail.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A program could not be started at all.
    Start { program: String, cause: io::Error },
    /// A program ran and reported failure. Its own output has been shown already.
    Exit { command: String, status: ExitStatus },
    /// A program printed what is not UTF-8.
    NotText { command: String },
    /// A file or folder could not be read.
    Read { path: PathBuf, cause: io::Error },
    /// A file or folder could not be written.
    Write { path: PathBuf, cause: io::Error },
    /// Debian packages are missing and cannot be installed from here.
    Packages { missing: Vec<&'static str>, obstacle: Obstacle },
    /// apt does not say where packages of this system's own release come from.
    NoArchive { codename: String },
    /// Rust components are missing and there is no rustup to add them.
    Components { missing: Vec<&'static str> },
    /// Rules of the house are broken: one line for each place, and the remedy.
    Rules { broken: Vec<String>, remedy: &'static str },
    /// There is no fuzz target of this name.
    UnknownTarget { asked: String, known: Vec<String> },
    /// A fuzz target found an input that it cannot bear.
    Crash { program: PathBuf, output: String, inputs: PathBuf },
    /// A fuzz target ran without feedback, so it searched blindly.
    NotInstrumented { target: String, output: String },
    /// Tests failed. Their output has been shown already.
    Tests { failed: Vec<String>, command: String },
    /// There is no cluster.
    Cluster(cluster::Problem),
}

/// What keeps packages from being installed.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// The system does not use apt.
    NoApt,
    /// Not root, and no sudo.
    NoSudo,
}

impl Failure {
    /// Makes an error mapper for reading `path`.
    pub(crate) fn reading(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Read { path, cause }
    }

    /// Makes an error mapper for writing `path`.
    pub(crate) fn writing(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Write { path, cause }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { program, cause } => write!(
                f,
                "Error: `{program}` cannot be started: {cause}.\n  next: `cargo xtask setup` installs what is missing."
            ),
            Self::Exit { command, status } => {
                write!(f, "Error: `{command}` failed: {status}.\n  next: its own words are above.")
            }
            Self::NotText { command } => {
                write!(f, "Error: `{command}` printed bytes that are not text.\n  next: run it by hand.")
            }
            Self::Read { path, cause } => {
                write!(
                    f,
                    "Error: {} cannot be read: {cause}.\n  next: check that the clone is complete.",
                    path.display()
                )
            }
            Self::Write { path, cause } => write!(
                f,
                "Error: {} cannot be written: {cause}.\n  next: check permissions and free space.",
                path.display()
            ),
            Self::Packages { missing, obstacle } => {
                let why = match obstacle {
                    Obstacle::NoApt => "this system has no apt-get",
                    Obstacle::NoSudo => "this needs root and there is no sudo",
                };
                write!(
                    f,
                    "Error: programs are missing and cannot be installed: {why}.\n  \
                     next: install these (Debian package names) and repeat: {}",
                    missing.join(" ")
                )
            }
            Self::NoArchive { codename } => write!(
                f,
                "Error: apt knows no archive of Debian or Ubuntu for the release `{codename}` of this system.\n  \
                 next: look at `apt-get indextargets` and at the files in /etc/apt."
            ),
            Self::Components { missing } => write!(
                f,
                "Error: the Rust toolchain lacks {}.\n  next: install these components and repeat.",
                missing.join(" and ")
            ),
            Self::Rules { broken, remedy } => {
                for line in broken {
                    writeln!(f, "Error: {line}")?;
                }
                write!(f, "  next: {remedy}")
            }
            Self::UnknownTarget { asked, known } => write!(
                f,
                "Error: there is no fuzz target `{asked}`.\n  next: choose one of these: {}",
                known.join(" ")
            ),
            Self::Crash { program, output, inputs } => write!(
                f,
                "{output}\nError: a fuzz target failed on an input.\n  next: the input is in {}; repeat with: {} INPUT",
                inputs.display(),
                program.display()
            ),
            Self::NotInstrumented { target, output } => write!(
                f,
                "{output}\nError: the fuzz target `{target}` reports no coverage, so it searched blindly.\n  \
                 next: check the compiler flags in xtask/src/fuzz/instrument.rs."
            ),
            Self::Tests { failed, command } => {
                for name in failed {
                    writeln!(f, "Failed: {name}")?;
                }
                write!(f, "Error: `{command}` failed.\n  next: each failure is explained above.")
            }
            Self::Cluster(problem) => problem.fmt(f),
        }
    }
}
