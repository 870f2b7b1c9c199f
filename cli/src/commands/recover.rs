//! `contrast recover`: the seed for a restarted Coordinator.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
};

use contrast_manifest::{NO_TRANSITION, SALT_LEN, SeedShareError, SeedShareOwnerKey, SeedShares};
use contrast_proto::userapi::RecoverRequest;
use zeroize::Zeroizing;

use super::{check, coordinator_of, set::seed_shares};
use crate::{
    arguments::RecoverOptions,
    cluster,
    coordinator::{Coordinator, Extent},
    deployment::Known,
    failure::{Advice, Failure},
    history::{Contents, Setting, author, readable_time},
    inputs,
    output::{self, with_progress},
    workspace::{self, Memory, Workspace, WorkspaceError},
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
            Self::File { .. } => "give the file that the first `contrast set` wrote, or a copy of it".into(),
            Self::Key { source: SeedShareError::NoShareForKey { .. } } => {
                "give --seedshare-owner-key of an owner that the first manifest named".into()
            }
            Self::Key { .. } => {
                "restore the file of seed shares from a copy: it is what ties the recovery to your deployment"
                    .into()
            }
        })
    }
}

/// Decrypts the seed and gives it to the Coordinator, once its evidence fits the manifest.
pub(crate) async fn recover(workspace: &Workspace, options: RecoverOptions) -> Result<(), Failure> {
    let document = inputs::manifest(workspace, options.target.manifest.as_deref())?;
    let key = inputs::seedshare_owner_key(workspace, options.seedshare_owner_key.as_deref())?;
    let known = Known::read(workspace)?;
    let local = local_shares(workspace, options.seed.as_deref())?;
    // What is wrong here should not need a Coordinator to be found.
    let local = local.map(|shares| Seed::decrypt(&shares, &key)).transpose()?;

    let identity = inputs::seedshare_identity(&key)?;
    let way = cluster::reach(options.target.coordinator, &options.target.cluster).await?;
    let address = coordinator_of(&document, way, identity, options.target.sources).await?;
    let mut coordinator = Coordinator::connect(&address).await?;
    output::success("The Coordinator's evidence fits the manifest.");
    let own_shares = local.is_some();
    let expected =
        options.latest_transition.or(known.transition()).filter(|transition| *transition != NO_TRANSITION);
    let seed = match local {
        Some(seed) => seed,
        None => {
            output::note("There are no seed shares here; the Coordinator is asked for its copy.");
            Seed::decrypt(&seed_shares(&coordinator.seed_shares().await?)?, &key)?
        }
    };
    let request = RecoverRequest {
        seed: seed.seed.to_vec(),
        salt: seed.salt.to_vec(),
        force: options.force,
        expected_transition: expected.map(Vec::from).unwrap_or_default(),
    };
    with_progress("The Coordinator replays its history", async |_| coordinator.recover(request).await)
        .await?;
    output::success("The Coordinator is recovered.");
    output::result("It has a new mesh CA: restart the workloads that do not renew their certificates.\n");
    report(workspace, &mut coordinator, &known, Ties { own_shares, expected: expected.is_some() }).await
}

/// What tells that it is the own deployment, in its newest state, beside the root CA.
struct Ties {
    /// Own seed shares open the own deployment only. Those of a Coordinator open whatever it pretends to be.
    own_shares: bool,
    /// The Coordinator was told a transition that its history must contain.
    expected: bool,
}

/// Says which state was recovered, warns of what nobody could know here, and writes the state down.
async fn report(
    workspace: &Workspace,
    coordinator: &mut Coordinator,
    known: &Known,
    ties: Ties,
) -> Result<(), Failure> {
    let history = match coordinator.history(Extent::EventsOnly).await {
        Err(error) if error.says_that_it_is_too_old() => {
            output::warning(
                "this Coordinator does not show its history, so its state could not be looked at.",
            );
            return Ok(());
        }
        outcome => outcome?,
    };
    let (history, checked) = check(history, Contents::Absent).await?;
    known.refuse_other(&history, &checked)?;
    if let Some(Setting { number, time_unix_ms, set }) = history.settings().last() {
        output::result(&format!(
            "Latest manifest:   number {number}, set {} by {}\nLatest transition: {}\n",
            readable_time(*time_unix_ms),
            author(set.author),
            hex::encode(set.transition)
        ));
    }
    if !ties.expected {
        output::warning(
            "this workspace remembers no transition, so an older state of the deployment would look the same: compare \
             the latest transition with what another owner knows, or give it with --latest-transition.",
        );
    }
    known.introduce(checked.root_fingerprint);
    if !ties.own_shares && !known.has_root() && !ties.expected {
        output::warning(
            "the seed shares came from the Coordinator, and nothing here tells whether it is your deployment or \
             another one with the same manifest; so nothing is remembered of it.",
        );
        return Ok(());
    }
    // Recovered is not read: what this workspace has not seen, `verify` still names.
    workspace.remember(Memory { latest: checked.latest_transition, seen: known.seen() })?;
    Ok(())
}

/// What opens a deployment's history.
struct Seed {
    seed: Zeroizing<Vec<u8>>,
    salt: [u8; SALT_LEN],
}

impl Seed {
    fn decrypt(shares: &SeedShares, key: &SeedShareOwnerKey) -> Result<Self, RecoverError> {
        let seed = shares.decrypt(key).map_err(|source| RecoverError::Key { source })?;
        Ok(Self { seed, salt: shares.salt })
    }
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
