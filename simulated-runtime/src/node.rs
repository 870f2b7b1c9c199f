//! Where things are on the node.

use std::{
    env, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::configuration;

/// Where pods of the simulated platform are remembered.
const STATE: &str = "/run/contrast/simulated";
/// The simulated processor, which the node installer made.
const PROCESSOR: &str = "/var/lib/contrast/simulated/processor";
/// The file beside the program's folder that says otherwise.
const SETTINGS: &str = "etc/contrast-simulated-runtime.json";
/// Where distributions have `runc`.
const FOLDERS: [&str; 10] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
    "/var/lib/rancher/k3s/data/current/bin",
    "/var/lib/rancher/rke2/bin",
    "/var/lib/k0s/bin",
    "/snap/microk8s/current/bin",
];

/// Something on the node is not as it has to be.
#[derive(thiserror::Error, Debug)]
pub enum NodeError {
    /// The program does not know where it is.
    #[error("the runtime of the simulated platform cannot find itself: {0}")]
    Program(#[source] io::Error),
    /// The settings cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no `runc`.
    #[error("this node has no runc in any of {}; install it, or name it in {}: {{\"runc\": \"/path/of/runc\"}}", FOLDERS.join(", "), settings.display())]
    NoRunc {
        /// The file that may name it.
        settings: PathBuf,
    },
}

/// Where things are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Node {
    /// This program.
    pub(crate) program: PathBuf,
    /// The real runtime.
    pub(crate) runc: PathBuf,
    /// Folder of pods.
    pub(crate) state: PathBuf,
    /// Folder of the processor.
    pub(crate) processor: PathBuf,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Settings {
    runc: Option<PathBuf>,
    state: Option<PathBuf>,
    processor: Option<PathBuf>,
}

impl Node {
    /// As the settings say, or as it usually is.
    pub(crate) fn find() -> Result<Self, NodeError> {
        let program = env::current_exe().map_err(NodeError::Program)?;
        let root = program.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
        let path = root.join(SETTINGS);
        let settings = settings(&path)?;
        let runc = settings.runc.or_else(installed).ok_or(NodeError::NoRunc { settings: path })?;
        Ok(Self {
            program,
            runc,
            state: settings.state.unwrap_or_else(|| STATE.into()),
            processor: settings.processor.unwrap_or_else(|| PROCESSOR.into()),
        })
    }
}

fn settings(path: &Path) -> Result<Settings, NodeError> {
    let fault = |reason: String| NodeError::Settings { path: path.to_owned(), reason };
    if !path.exists() {
        return Ok(Settings::default());
    }
    let bytes = configuration::read(path).map_err(|error| fault(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))
}

fn installed() -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join("runc")).find(|path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}
