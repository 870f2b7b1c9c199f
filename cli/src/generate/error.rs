//! Why nothing is generated.

use std::{borrow::Cow, fmt, path::PathBuf};

use contrast_manifest::ManifestErrors;
use contrast_resources::{EditError, Place, ReadError};

use super::{
    function::{FunctionError, Message},
    images::ImageFailure,
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
    /// No pod is to be confidential.
    #[error("no workload has the runtime class `contrast-cc`")]
    NoWorkload,
    /// Something is wrong with the resources.
    #[error("the resources cannot be made ready:{}", lines(.0))]
    Findings(Vec<Finding>),
    /// A change cannot be written into a file.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Images cannot be used.
    #[error("{}", images(.0))]
    Images(Vec<ImageFailure>),
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

/// Something wrong with a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// Where it stands.
    pub(crate) place: Option<Place>,
    /// `Kind/name`.
    pub(crate) workload: String,
    /// What is wrong, and what to do.
    pub(crate) message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.workload, self.message)
    }
}

impl GenerateError {
    /// The same as results of a function: one for each finding, or for the whole.
    pub(crate) fn messages(&self) -> Vec<Message<'_>> {
        let message = |text, finding| Message { severity: "error", text, finding };
        match self {
            Self::Findings(findings) => {
                findings.iter().map(|finding| message(finding.to_string(), Some(finding))).collect()
            }
            other => vec![message(other.to_string(), None)],
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
            Self::Findings(_) | Self::Edit(_) | Self::Images(_) => return None,
            Self::NoWorkload => {
                "set `runtimeClassName: contrast-cc` in the pod templates that are to be confidential".into()
            }
            Self::ManifestText(_) | Self::ManifestForm(_) => {
                "restore the manifest, or remove it to begin with a new one".into()
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

fn images(failures: &[ImageFailure]) -> String {
    match failures {
        [one] => one.to_string(),
        several => {
            let lines: String = several.iter().map(|failure| format!("\n  {failure}")).collect();
            format!("{} images cannot be used:{lines}", several.len())
        }
    }
}
