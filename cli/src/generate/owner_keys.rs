//! The keys of a deployment's owners: who may change its manifest, and who receives its seed.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use contrast_manifest::{KeyFileError, SeedShareOwner, SeedShareOwnerKey, WorkloadOwner, WorkloadOwnerKey};
use zeroize::Zeroizing;

use crate::{
    failure::Advice,
    workspace::{self, WorkspaceError},
};

/// The owners, and keys that have to be written before anything else names them.
pub(crate) struct Owners {
    /// Who may change the manifest.
    pub(crate) workload: Vec<WorkloadOwner>,
    /// Who receives the seed.
    pub(crate) seedshare: Vec<SeedShareOwner>,
    /// Keys that were made just now.
    pub(crate) new: Vec<NewKey>,
}

/// A key that is not written yet.
pub(crate) struct NewKey {
    /// Where it goes. There is no such file.
    pub(crate) path: PathBuf,
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// A PEM file.
    pub(crate) pem: Zeroizing<String>,
}

/// An owner's key cannot be used.
#[derive(thiserror::Error, Debug)]
pub(crate) enum OwnerKeyError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// It holds no key of an owner.
    #[error("{} cannot be used: {source}", path.display())]
    Key { path: PathBuf, source: KeyFileError },
    /// A new one cannot be made.
    #[error("no key can be made for {}: {source}", path.display())]
    New { path: PathBuf, source: KeyFileError },
}

impl Advice for OwnerKeyError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::File(error) => error.advice(),
            Self::Key { .. } => {
                Some("give a private key of the owner, or the public half of it (PUBLIC KEY)".into())
            }
            Self::New { .. } => None,
        }
    }
}

/// Reads the owners' keys. Where one path is given and nothing is there, a key is made for it.
pub(crate) fn owners(workload: &[PathBuf], seedshare: &[PathBuf]) -> Result<Owners, OwnerKeyError> {
    let mut owners = Owners { workload: Vec::new(), seedshare: Vec::new(), new: Vec::new() };
    for path in workload {
        let owner = match read(path, workload.len())? {
            Some(text) => WorkloadOwner::from_pem(&text).map_err(|source| key(path, source))?,
            None => {
                let made = WorkloadOwnerKey::generate().and_then(|key| Ok((key.owner(), key.to_pem()?)));
                owners.adopt(path, "a workload owner, who may change the manifest", made)?
            }
        };
        owners.workload.push(owner);
    }
    for path in seedshare {
        let owner = match read(path, seedshare.len())? {
            Some(text) => SeedShareOwner::from_pem(&text).map_err(|source| key(path, source))?,
            None => {
                let made =
                    SeedShareOwnerKey::generate().and_then(|key| Ok((key.owner().clone(), key.to_pem()?)));
                owners.adopt(path, "a seed share owner, who recovers a restarted Coordinator", made)?
            }
        };
        owners.seedshare.push(owner);
    }
    Ok(owners)
}

impl Owners {
    fn adopt<T>(
        &mut self,
        path: &Path,
        purpose: &'static str,
        made: Result<(T, Zeroizing<String>), KeyFileError>,
    ) -> Result<T, OwnerKeyError> {
        let (owner, pem) = made.map_err(|source| OwnerKeyError::New { path: path.to_owned(), source })?;
        self.new.push(NewKey { path: path.to_owned(), purpose, pem });
        Ok(owner)
    }
}

fn key(path: &Path, source: KeyFileError) -> OwnerKeyError {
    OwnerKeyError::Key { path: path.to_owned(), source }
}

/// The file; `None` if it is the only one of its kind and not there.
fn read(path: &Path, of: usize) -> Result<Option<Zeroizing<Vec<u8>>>, OwnerKeyError> {
    match workspace::read(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(WorkspaceError::Read { source, .. }) if of == 1 && source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_where_the_only_one_is_missing_and_read_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("workload-owner.pem");
        let first = owners(std::slice::from_ref(&path), &[]).unwrap();
        assert!(!path.exists(), "it is only written with everything else");
        let [new] = &first.new[..] else { panic!() };
        std::fs::write(&path, new.pem.as_bytes()).unwrap();
        let second = owners(&[path], &[]).unwrap();
        assert_eq!(first.workload[0].digest(), second.workload[0].digest());
        assert!(second.new.is_empty());
    }

    #[test]
    fn of_several_keys_none_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["a.pem", "b.pem"].map(|name| dir.path().join(name));
        assert!(matches!(owners(&paths, &[]), Err(OwnerKeyError::File(_))));
        assert!(matches!(owners(&[], &paths), Err(OwnerKeyError::File(_))));
    }
}
