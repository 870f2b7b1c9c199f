//! `contrast history`: what happened in a deployment, after checking that it did.

use std::{borrow::Cow, path::PathBuf};

use contrast_attestation::atls::Identity;
use contrast_manifest::ManifestDocument;
use serde_json::Value;

use super::{check, coordinator_of};
use crate::{
    arguments::{Format, HistoryOptions, SourceOptions},
    cluster::{self, Way},
    coordinator::{Coordinator, Extent},
    deployment::Known,
    failure::{Advice, Failure},
    history::{Contents, History, compare, line, read_folder, table},
    inputs, output,
    workspace::Workspace,
};

/// What was asked for is not in the history.
#[derive(thiserror::Error, Debug)]
pub(crate) enum DiffError {
    /// There is no manifest of this number.
    #[error("there is no manifest {number}: the history has {count}, and the first is 0")]
    NoSuchManifest { number: usize, count: usize },
    /// A manifest of the history is not JSON.
    #[error("manifest {number} of the history is not JSON")]
    NotJson { number: usize, source: serde_json::Error },
}

impl Advice for DiffError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NoSuchManifest { .. } => {
                Some("the numbers stand in the column MANIFEST of `contrast history`".into())
            }
            Self::NotJson { .. } => None,
        }
    }
}

/// Prints a history that holds together, or the difference of two of its manifests.
pub(crate) async fn history(workspace: &Workspace, options: HistoryOptions) -> Result<(), Failure> {
    let known = Known::read(workspace)?;
    let offline = options.offline.is_some();
    let history = match (options.offline, options.coordinator) {
        (Some(folder), _) => read_folder(&folder)?,
        (None, coordinator) => {
            // The command line has one of the two.
            let way = cluster::reach(coordinator.unwrap_or_default(), &options.cluster).await?;
            fetch(workspace, options.manifest, way, options.sources).await?
        }
    };
    let (history, checked) = check(history, Contents::Required).await?;
    known.refuse_other(&history, &checked)?;
    if offline {
        let current = history.contents.get(&checked.current_manifest).map_or(&[][..], Vec::as_slice);
        if let Ok(document) = ManifestDocument::parse_stored(current) {
            output::warn_of_simulated_manifest(document.manifest());
        }
        // Whoever changed the folder may have changed what the workspace remembers too.
        output::note(&format!("Root CA key (SHA-256): {}", hex::encode(checked.root_fingerprint)));
        output::note(&format!("Latest transition:     {}", hex::encode(checked.latest_transition)));
        output::note("Compare both with what you know from elsewhere.");
    } else {
        known.introduce(checked.root_fingerprint);
    }
    let text = match (options.diff.as_deref(), options.output) {
        (Some(&[before, after]), format) => difference(&history, before, after, format)?,
        (_, Format::Table) => table(&history),
        (_, Format::Json) => history.records.iter().map(|record| line(record) + "\n").collect(),
    };
    output::result(&text);
    Ok(())
}

async fn fetch(
    workspace: &Workspace,
    manifest: Option<PathBuf>,
    way: Way,
    sources: SourceOptions,
) -> Result<History, Failure> {
    let document = inputs::manifest(workspace, manifest.as_deref())?;
    let address = coordinator_of(&document, way, Identity::Fresh, sources).await?;
    let mut coordinator = Coordinator::connect(&address).await?;
    Ok(coordinator.history(Extent::Everything).await?)
}

fn difference(history: &History, before: usize, after: usize, format: Format) -> Result<String, DiffError> {
    let changes = compare(&manifest(history, before)?, &manifest(history, after)?);
    Ok(match format {
        Format::Table if changes.is_empty() => {
            format!("Manifest {before} and manifest {after} say the same.\n")
        }
        Format::Table => changes.iter().map(|change| format!("{change}\n")).collect(),
        // A change has strings and JSON values, so it has a JSON form.
        Format::Json => {
            changes.iter().map(|change| serde_json::to_string(change).unwrap_or_default() + "\n").collect()
        }
    })
}

fn manifest(history: &History, number: usize) -> Result<Value, DiffError> {
    let set = history.manifests().nth(number);
    let bytes = set.and_then(|set| history.contents.get(&set.manifest));
    let bytes =
        bytes.ok_or_else(|| DiffError::NoSuchManifest { number, count: history.manifests().count() })?;
    serde_json::from_slice(bytes).map_err(|source| DiffError::NotJson { number, source })
}
