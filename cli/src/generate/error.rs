//! Why nothing is generated.

use std::{borrow::Cow, path::PathBuf};

use contrast_manifest::ManifestErrors;
use contrast_resources::{EditError, ReadError};

use super::{
    finding::{Finding, Severity},
    function::FunctionError,
    inject::ReplacementsError,
    owner_keys::OwnerKeyError,
    platform::Platform,
    runtimes::RuntimesError,
    settings::SettingsError,
};
use crate::{
    failure::Advice, policies::AnnotationError, resource_files::ResourceFileError, workspace::WorkspaceError,
};

/// Resources cannot be made ready. Nothing was written.
#[derive(thiserror::Error, Debug)]
pub(crate) enum GenerateError {
    /// The resource files cannot be read.
    #[error(transparent)]
    Files(#[from] ResourceFileError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// The file for the result has resources of its own, which would be lost.
    #[error("{} is both among the resources and the file for the result", .0.display())]
    OutputIsInput(PathBuf),
    /// The manifest and the result would be one file.
    #[error("{} is the manifest, and cannot be the file for the resources, too", .0.display())]
    OutputIsManifest(PathBuf),
    /// No pod is to be confidential.
    #[error("no workload has the runtime class `contrast-cc`")]
    NoWorkload,
    /// Something is wrong with the resources.
    #[error("the resources cannot be made ready:{}", lines(.0))]
    Findings(Vec<Finding>),
    /// The same, when each was shown already.
    #[error("the resources cannot be made ready: {}", if *.0 == 1 { "see above".to_owned() } else { format!("{} findings, see above", .0) })]
    FindingsShown(usize),
    /// A change cannot be written into a file.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// An image replacement file.
    #[error(transparent)]
    Replacements(#[from] ReplacementsError),
    /// Options that came with the resources.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// Options that came with the resources, as the command line reads them.
    #[error("`functionConfig` cannot be followed: {0}")]
    FunctionOptions(String),
    /// Settings of the policies.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Reference values.
    #[error(transparent)]
    Runtimes(#[from] RuntimesError),
    /// Owners' keys.
    #[error(transparent)]
    OwnerKeys(#[from] OwnerKeyError),
    /// The manifest that is there cannot be read.
    #[error(transparent)]
    ManifestText(ReadError),
    /// The manifest that is there is no JSON object.
    #[error("{} is not one JSON object", .0.display())]
    ManifestForm(PathBuf),
    /// The manifest would not be valid.
    #[error("{} cannot be used: {source}", path.display())]
    Manifest { path: PathBuf, source: ManifestErrors },
    /// No Coordinator anywhere.
    #[error("there is no Coordinator among the resources")]
    NoCoordinator,
    /// The file of a Coordinator has none.
    #[error("{} has no Coordinator with a policy", .0.display())]
    NoCoordinatorInFile(PathBuf),
    /// The policy of a Coordinator in a file of its own cannot be read.
    #[error("the policy of the Coordinator in {} cannot be read: {source}", path.display())]
    CoordinatorPolicy { path: PathBuf, source: AnnotationError },
    /// The hardware measures another thing.
    #[error("the runtime of {0} measures initialisation data, and no policy annotation")]
    NotMeasured(Platform),
    /// What is there differs from what would be written.
    #[error("the resources are not up to date")]
    NotUpToDate,
}

impl GenerateError {
    /// What is wrong, one by one; or the whole as one.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        match self {
            Self::Findings(findings) => findings.clone(),
            other => vec![Finding::of_run(Severity::Error, "run", other.to_string())],
        }
    }
}

impl Advice for GenerateError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Files(error) => return error.advice(),
            Self::File(error) => return error.advice(),
            Self::Settings(error) => return error.advice(),
            Self::Runtimes(error) => return error.advice(),
            Self::OwnerKeys(error) => return error.advice(),
            Self::Replacements(error) => return error.advice(),
            Self::Function(_) | Self::FunctionOptions(_) => {
                "give options as members of `spec`, by the names that `contrast generate --help` lists, without dashes".into()
            }
            Self::Findings(_) | Self::FindingsShown(_) | Self::Edit(_) => return None,
            Self::OutputIsManifest(_) => "name another file with --output or --manifest".into(),
            Self::OutputIsInput(_) => {
                "name another file with --output, or leave --output out to have each file changed in its place".into()
            }
            Self::NoWorkload => {
                "set `runtimeClassName: contrast-cc` in the pod templates that are to be confidential".into()
            }
            Self::ManifestText(_) | Self::ManifestForm(_) => {
                "restore the manifest, or remove it to begin with a new one".into()
            }
            Self::Manifest { source, .. } if source.faults().is_empty() => {
                "correct the file; docs/manifest.md describes what belongs into it".into()
            }
            Self::Manifest { .. } => {
                "correct the manifest at the paths above; docs/manifest.md describes every field".into()
            }
            Self::NoCoordinator => "give its file, too (a pod with the annotation \
                 `contrast.edgeless.systems/pod-role: coordinator`), or name it with --coordinator-file"
                .into(),
            Self::NoCoordinatorInFile(_) | Self::CoordinatorPolicy { .. } => {
                "give the file of the Coordinator's release, or give it among the resources".into()
            }
            Self::NotMeasured(_) => "leave --initdata=false out".into(),
            Self::NotUpToDate => {
                "run `contrast generate` without --check, and look at what it changes".into()
            }
        })
    }
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n  {finding}")).collect()
}
