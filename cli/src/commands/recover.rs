//! `contrast recover`: the seed for a restarted Coordinator.

use std::{borrow::Cow, io, path::Path, path::PathBuf};

use contrast_manifest::{SeedShareError, SeedShares};
use contrast_proto::userapi::RecoverRequest;

use super::{coordinator_of, set::seed_shares};
use crate::{
    arguments::RecoverOptions,
    coordinator::Coordinator,
    failure::{Advice, Failure},
    inputs, output,
    workspace::{self, Workspace, WorkspaceError},
};

/// The seed cannot be had.
#[derive(thiserror::Error, Debug)]
pub(crate) enum RecoverError {
    /// The file is of no use.
    #[error("{} cannot be used: {source}", path.display())]
    File { path: PathBuf, source: SeedShareError },
    /// No share is for the key.
    #[error("{source}")]
    Key { source: SeedShareError },
}

impl Advice for RecoverError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::File { .. } => "give the file that the first `contrast set` wrote; without it, move it away and the Coordinator is asked".into(),
            Self::Key { source: SeedShareError::NoShareForKey { .. } } => {
                "give --seedshare-owner-key of an owner that the first manifest named".into()
            }
            Self::Key { .. } => "move the file of seed shares away and run this again: the Coordinator has them too".into(),
        })
    }
}

/// Decrypts the seed and gives it to the Coordinator, once its evidence fits the manifest.
pub(crate) async fn recover(workspace: &Workspace, options: RecoverOptions) -> Result<(), Failure> {
    let document = inputs::manifest(workspace, options.target.manifest.as_deref())?;
    let key = inputs::seedshare_owner_key(workspace, options.seedshare_owner_key.as_deref())?;
    let expected = workspace.latest_transition()?;
    let local = local_shares(workspace, options.seed.as_deref())?;

    let address = coordinator_of(&document, options.target.coordinator, inputs::seedshare_identity(&key)?);
    let mut coordinator = Coordinator::connect(&address).await?;
    output::success("The Coordinator's evidence fits the manifest.");
    let shares = match local {
        Some(shares) => shares,
        None => {
            output::note("There are no seed shares here; the Coordinator is asked for its copy.");
            seed_shares(&coordinator.seed_shares().await?)?
        }
    };
    let seed = shares.decrypt(&key).map_err(|source| RecoverError::Key { source })?;
    let request = RecoverRequest {
        seed: seed.to_vec(),
        salt: shares.salt.to_vec(),
        force: options.force,
        expected_transition: expected.map(Vec::from).unwrap_or_default(),
    };
    coordinator.recover(request).await?;
    output::success("The Coordinator is recovered.");
    output::result("It has a new mesh CA: restart the workloads, so that they get certificates from it.\n");
    Ok(())
}

/// The shares in the file. `None` if no file was asked for and the default one does not exist.
fn local_shares(workspace: &Workspace, explicit: Option<&Path>) -> Result<Option<SeedShares>, Failure> {
    let path = explicit.map_or_else(|| workspace.path(workspace::SEED_SHARES), Path::to_owned);
    let bytes = match workspace::read(&path) {
        Ok(bytes) => bytes,
        Err(WorkspaceError::Read { source, .. })
            if explicit.is_none() && source.kind() == io::ErrorKind::NotFound =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let shares = SeedShares::from_json(&bytes).map_err(|source| RecoverError::File { path, source })?;
    Ok(Some(shares))
}
