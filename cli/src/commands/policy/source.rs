//! Where a policy comes from: its text, initialisation data, or a resource that has it in an annotation.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use contrast_policy::{Engine, Expectations, LoadError, UnknownForm, initdata::POLICY as POLICY_MEMBER};

use super::places::Origin;
use crate::{
    failure::Advice,
    policies::{self, PoliciesError, is_initdata},
    workspace::{self, WorkspaceError},
};

/// A policy that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// `Kind/name`, or the name of the file.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
    /// Where the pod stands that it was made for.
    pub(super) origin: Option<Origin>,
}

/// No policy was found.
#[derive(thiserror::Error, Debug)]
pub(super) enum SourceError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// The resources cannot be read.
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    /// Not text.
    #[error("{name} holds no policy: it is not UTF-8")]
    NotText { name: String },
    /// Initialisation data that cannot be read.
    #[error("the initialisation data of {name} cannot be read: {source}")]
    Initdata { name: String, source: toml::de::Error },
    /// Initialisation data without a policy.
    #[error("the initialisation data of {name} holds no {POLICY_MEMBER}")]
    NoPolicyInside { name: String },
    /// Nothing has a policy.
    #[error("no workload in {path} has a policy")]
    None { path: String },
    /// The workload is not there.
    #[error("there is no workload {wanted} with a policy; there are: {}", names.join(", "))]
    NotThere { wanted: String, names: Vec<String> },
    /// Several could be meant.
    #[error("several workloads have a policy: {}", names.join(", "))]
    Several { names: Vec<String> },
    /// It does not say what it expects.
    #[error("the policy of {name} cannot be explained: {source}")]
    Unknown { name: String, source: UnknownForm },
    /// The agent would not load it.
    #[error("the policy of {name} cannot be used: {source}")]
    Load { name: String, source: LoadError },
}

impl Advice for SourceError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::File(error) => return error.advice(),
            Self::Policies(error) => return error.advice(),
            Self::NotText { .. } => {
                "give the text of a policy, initialisation data (TOML), or resources (YAML or JSON)".into()
            }
            Self::Initdata { .. }
            | Self::NoPolicyInside { .. }
            | Self::None { .. }
            | Self::Load { .. }
            | Self::Unknown { .. } => "make the policy anew".into(),
            Self::NotThere { .. } | Self::Several { .. } => "name one with --workload".into(),
        })
    }
}

/// All policies of a file.
pub(super) fn all(path: &Path, workload: Option<&str>) -> Result<Vec<Found>, SourceError> {
    if !is_resources(path) {
        let name = path.display().to_string();
        return Ok(vec![found(name, workspace::read(path)?, None)?]);
    }
    of_resources(&[path.to_owned()], workload)
}

/// The one policy of a file.
pub(super) fn one(path: &Path, workload: Option<&str>) -> Result<Found, SourceError> {
    only(all(path, workload)?)
}

/// The one policy of resource files, with the place of its pod.
pub(super) fn one_of_resources(paths: &[PathBuf], workload: Option<&str>) -> Result<Found, SourceError> {
    only(of_resources(paths, workload)?)
}

impl Found {
    /// What the policy expects.
    pub(super) fn expectations(&self) -> Result<Expectations, SourceError> {
        let unknown = |source| SourceError::Unknown { name: self.name.clone(), source };
        Expectations::of(&mut self.load()?).map_err(unknown)
    }

    /// The policy, loaded.
    pub(super) fn load(&self) -> Result<Engine, SourceError> {
        Engine::load(&self.text).map_err(|source| SourceError::Load { name: self.name.clone(), source })
    }
}

/// Whether a file is known by its name to hold resources. Policies are texts in other languages.
fn is_resources(path: &Path) -> bool {
    let named = path.extension().and_then(|end| end.to_str());
    path.as_os_str() == "-" || path.is_dir() || matches!(named, Some("yaml" | "yml" | "json"))
}

fn of_resources(paths: &[PathBuf], workload: Option<&str>) -> Result<Vec<Found>, SourceError> {
    let mut policies = Vec::new();
    for located in policies::find_located(paths)? {
        let origin = Origin { file: located.file, address: located.address, kind: located.kind };
        policies.push((located.workload.name, located.workload.policy, origin));
    }
    if policies.is_empty() {
        let path = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(SourceError::None { path });
    }
    let names: Vec<_> = policies.iter().map(|(name, ..)| name.clone()).collect();
    if let Some(wanted) = workload {
        policies.retain(|(name, ..)| name == wanted);
        if policies.is_empty() {
            return Err(SourceError::NotThere { wanted: wanted.to_owned(), names });
        }
    }
    policies.into_iter().map(|(name, document, origin)| found(name, document, Some(origin))).collect()
}

fn only(mut policies: Vec<Found>) -> Result<Found, SourceError> {
    if policies.len() > 1 {
        return Err(SourceError::Several { names: policies.into_iter().map(|found| found.name).collect() });
    }
    policies.pop().ok_or_else(|| SourceError::None { path: String::new() })
}

fn found(name: String, document: Vec<u8>, origin: Option<Origin>) -> Result<Found, SourceError> {
    let initdata = is_initdata(&document);
    let Ok(text) = String::from_utf8(document) else { return Err(SourceError::NotText { name }) };
    if !initdata {
        return Ok(Found { name, text, origin });
    }
    let table: toml::Table = match toml::from_str(&text) {
        Ok(table) => table,
        Err(source) => return Err(SourceError::Initdata { name, source }),
    };
    let policy = table.get("data").and_then(|data| data.get(POLICY_MEMBER)).and_then(toml::Value::as_str);
    match policy {
        Some(policy) => Ok(Found { text: policy.to_owned(), name, origin }),
        None => Err(SourceError::NoPolicyInside { name }),
    }
}
