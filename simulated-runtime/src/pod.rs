//! What is remembered of a pod, for as long as its sandbox exists.
//!
//! A folder below the folder of pods, named after the sandbox, for root alone:
//!
//! | file | what |
//! |---|---|
//! | `lock` | held by whoever works on the pod |
//! | `policy.rego` | the policy, never changed |
//! | `state.json` | [`State`], replaced in one step; without it, there is no pod |
//! | `containers/ID` | an empty file for each container, by which its pod is found |
//! | `socket/attestation.sock` | what containers see |
//! | `control.sock` | ends the signer |

mod disks;
mod state;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use contrast_policy::{Engine, LoadError};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

pub use state::{Known, State};

use crate::{
    PodPolicy,
    configuration::{self, ConfigurationError},
};

const LOCK: &str = "lock";
const POLICY: &str = "policy.rego";
const STATE: &str = "state.json";
const CONTAINERS: &str = "containers";
/// The folder that containers see.
pub(crate) const SOCKET_FOLDER: &str = "socket";

/// A pod cannot be found, or made.
#[derive(thiserror::Error, Debug)]
pub enum PodError {
    /// Nobody made it, or it was removed.
    #[error(
        "nothing is remembered of the pod of {id} below {}, so nothing of it is started or changed; delete the pod, so that it is made anew",
        folder.display()
    )]
    Unknown {
        /// The sandbox, or the container.
        id: String,
        /// The folder of pods.
        folder: PathBuf,
    },
    /// What is remembered cannot be right.
    #[error("what is remembered of the pod in {} is damaged ({what}), so nothing of it is started; delete the pod, so that it is made anew", folder.display())]
    Damaged {
        /// The folder of the pod.
        folder: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is one of that name.
    #[error("a pod is remembered already in {}; it is made only once", folder.display())]
    Exists {
        /// The folder of the pod.
        folder: PathBuf,
    },
    /// The policy cannot be loaded.
    #[error("{0}; run `contrast generate` again")]
    Load(#[from] LoadError),
    /// Something cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] ConfigurationError),
}

/// A pod that nobody else works on meanwhile.
#[derive(Debug)]
pub struct Pod {
    folder: PathBuf,
    /// What is remembered. [`Pod::save`] makes it last.
    pub state: State,
    /// The policy, with its memory.
    pub engine: Engine,
    _lock: File,
}

impl Pod {
    /// A new pod, which is remembered after [`Pod::save`].
    ///
    /// # Errors
    /// If the policy cannot be loaded, or there is a pod of that name.
    pub fn create(pods: &Path, sandbox: &str, policy: &PodPolicy) -> Result<Self, PodError> {
        let engine = Engine::load(&policy.text)?;
        let folder = pods.join(sandbox);
        let private = |path: &Path, recursive| {
            let made = DirBuilder::new().mode(0o700).recursive(recursive).create(path);
            made.map_err(|source| PodError::Io { path: path.to_owned(), source })
        };
        private(pods, true)?;
        match private(&folder, false) {
            Err(PodError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                return Err(PodError::Exists { folder });
            }
            other => other?,
        }
        let lock = lock(&folder)?;
        private(&folder.join(CONTAINERS), false)?;
        let socket = folder.join(SOCKET_FOLDER);
        // Everybody in the pod may look into it.
        DirBuilder::new()
            .mode(0o755)
            .create(&socket)
            .map_err(|source| PodError::Io { path: socket, source })?;
        configuration::replace(&folder.join(POLICY), policy.text.as_bytes())?;
        let state = State::new(sandbox, policy);
        Ok(Self { folder, state, engine, _lock: lock })
    }

    /// The pod of a sandbox. Waits until nobody else works on it.
    ///
    /// # Errors
    /// If there is none, or what is remembered of it is damaged.
    pub fn open(pods: &Path, sandbox: &str) -> Result<Self, PodError> {
        let folder = pods.join(sandbox);
        let unknown = || PodError::Unknown { id: sandbox.to_owned(), folder: pods.to_owned() };
        if !folder.is_dir() {
            return Err(unknown());
        }
        let lock = lock(&folder)?;
        // It may have been removed meanwhile.
        let bytes = match configuration::read(&folder.join(STATE)) {
            Ok(bytes) => bytes,
            Err(ConfigurationError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(unknown());
            }
            Err(error) => return Err(error.into()),
        };
        let damaged = |what: String| PodError::Damaged { folder: folder.clone(), what };
        let state = State::read(&bytes, sandbox).map_err(damaged)?;
        let policy = configuration::read(&folder.join(POLICY)).map_err(|error| damaged(error.to_string()))?;
        if hex::encode(Sha256::digest(&policy)) != state.policy {
            return Err(damaged("the policy is another one".to_owned()));
        }
        let policy = String::from_utf8(policy).map_err(|_| damaged("the policy is no text".to_owned()))?;
        let engine = Engine::resume(&policy, state.memory.clone())?;
        Ok(Self { folder, state, engine, _lock: lock })
    }

    /// The pod that a container belongs to.
    ///
    /// # Errors
    /// If nobody knows it, or what is remembered of the pod is damaged.
    pub fn of_container(pods: &Path, container: &str) -> Result<Self, PodError> {
        let unknown = || PodError::Unknown { id: container.to_owned(), folder: pods.to_owned() };
        let entries = fs::read_dir(pods).map_err(|_| unknown())?;
        let found = entries.flatten().find(|entry| entry.path().join(CONTAINERS).join(container).exists());
        let sandbox = found.ok_or_else(unknown)?.file_name();
        Self::open(pods, sandbox.to_str().ok_or_else(unknown)?)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes it possible to find the pod by a container.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn note(&self, container: &str) -> Result<(), PodError> {
        let path = self.folder.join(CONTAINERS).join(container);
        File::create(&path).map(drop).map_err(|source| PodError::Io { path, source })
    }

    /// Forgets that.
    pub fn forget(&self, container: &str) {
        // Whoever looks for it later is told by the state that it is gone.
        let _ = fs::remove_file(self.folder.join(CONTAINERS).join(container));
    }

    /// Remembers what the policy does, and the state.
    ///
    /// # Errors
    /// If the folder cannot be written. Then nothing has changed.
    pub fn save(&mut self) -> Result<(), PodError> {
        self.state.memory = self.engine.memory().clone();
        Ok(configuration::replace(&self.folder.join(STATE), &self.state.bytes())?)
    }

    /// Whether the sandbox has this name.
    #[must_use]
    pub fn is_sandbox(&self, container: &str) -> bool {
        self.state.sandbox == container
    }

    /// Removes everything.
    pub fn remove(self) {
        remove(&self.folder);
    }
}

/// Removes what is remembered of a pod, whatever of it is there.
pub(crate) fn remove(folder: &Path) {
    // First what makes it a pod.
    let _ = fs::remove_file(folder.join(STATE));
    let _ = fs::remove_dir_all(folder);
}

fn lock(folder: &Path) -> Result<File, PodError> {
    let path = folder.join(LOCK);
    let io = |source| PodError::Io { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| io(error.into()))?;
    Ok(file)
}
