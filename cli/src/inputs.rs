//! The files that a command begins with: the manifest and the owners' keys.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use contrast_attestation::atls::{ClientKey, Identity, KeyError};
use contrast_manifest::{
    KeyFileError, ManifestDocument, ManifestErrors, SeedShareOwnerKey, WorkloadOwnerKey,
};
use zeroize::Zeroizing;

use crate::{
    failure::Advice,
    workspace::{self, Workspace, WorkspaceError},
};

/// A file that a command begins with cannot be used.
#[derive(thiserror::Error, Debug)]
pub(crate) enum InputError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// It holds no valid manifest.
    #[error("{} cannot be used: {source}", path.display())]
    Manifest { path: PathBuf, source: ManifestErrors },
    /// It holds no key, or another kind of key.
    #[error("{} cannot be used: {source}", path.display())]
    Key { path: PathBuf, source: KeyFileError },
    /// The key cannot be used for TLS.
    #[error("{} cannot be used: {source}", path.display())]
    TlsKey { path: PathBuf, source: KeyError },
}

impl Advice for InputError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::File(error) => error.advice(),
            Self::Manifest { source, .. } if source.only_missing_values().is_some() => {
                Some("fill in the values of your hardware at the paths above; docs/manifest.md says where to find them".into())
            }
            Self::Manifest { source, .. } if source.faults().is_empty() => {
                Some("correct the file; docs/manifest.md describes what belongs into it".into())
            }
            Self::Manifest { .. } => Some("correct the manifest at the paths above; docs/manifest.md describes every field".into()),
            Self::Key { .. } | Self::TlsKey { .. } => Some("give the right private key file".into()),
        }
    }
}

/// Reads and validates the manifest of a deployment, which may be older than the limits of today.
pub(crate) fn manifest(
    workspace: &Workspace,
    explicit: Option<&Path>,
) -> Result<ManifestDocument, InputError> {
    read_manifest(workspace, explicit, ManifestDocument::parse_stored)
}

/// Reads and validates a manifest that is to be set.
pub(crate) fn new_manifest(
    workspace: &Workspace,
    explicit: Option<&Path>,
) -> Result<ManifestDocument, InputError> {
    read_manifest(workspace, explicit, ManifestDocument::parse)
}

fn read_manifest(
    workspace: &Workspace,
    explicit: Option<&Path>,
    parse: fn(Vec<u8>) -> Result<ManifestDocument, ManifestErrors>,
) -> Result<ManifestDocument, InputError> {
    let path = explicit.map_or_else(|| workspace.path(workspace::MANIFEST), Path::to_owned);
    let bytes = workspace::read(&path)?;
    parse(bytes).map_err(|source| InputError::Manifest { path, source })
}

/// Reads the workload owner's key. `None` if no file was asked for and the default one does not exist.
pub(crate) fn workload_owner_key(
    workspace: &Workspace,
    explicit: Option<&Path>,
) -> Result<Option<WorkloadOwnerKey>, InputError> {
    let path = explicit.map_or_else(|| workspace.path(workspace::WORKLOAD_OWNER_KEY), Path::to_owned);
    let text = match workspace::read(&path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(WorkspaceError::Read { source, .. })
            if explicit.is_none() && source.kind() == io::ErrorKind::NotFound =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    WorkloadOwnerKey::from_pem(&text).map(Some).map_err(|source| InputError::Key { path, source })
}

/// Reads the seed share owner's key.
pub(crate) fn seedshare_owner_key(
    workspace: &Workspace,
    explicit: Option<&Path>,
) -> Result<SeedShareOwnerKey, InputError> {
    let path = explicit.map_or_else(|| workspace.path(workspace::SEEDSHARE_OWNER_KEY), Path::to_owned);
    let text = Zeroizing::new(workspace::read(&path)?);
    SeedShareOwnerKey::from_pem(&text).map_err(|source| InputError::Key { path, source })
}

/// The identity of a workload owner in TLS; without a key, a stranger's.
pub(crate) fn owner_identity(key: Option<&WorkloadOwnerKey>) -> Result<Identity, InputError> {
    let Some(key) = key else { return Ok(Identity::Fresh) };
    let path = PathBuf::from("the workload owner's key");
    let der = key.to_sec1_der().map_err(|source| InputError::Key { path: path.clone(), source })?;
    let key = ClientKey::from_sec1_der(&der).map_err(|source| InputError::TlsKey { path, source })?;
    Ok(Identity::Key(key))
}

/// The identity of a seed share owner in TLS.
pub(crate) fn seedshare_identity(key: &SeedShareOwnerKey) -> Result<Identity, InputError> {
    let key = ClientKey::from_pkcs1_der(key.pkcs1_der())
        .map_err(|source| InputError::TlsKey { path: PathBuf::from("the seed share owner's key"), source })?;
    Ok(Identity::Key(key))
}
