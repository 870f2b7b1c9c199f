//! Runtimes that nodes have, and what their guests measure: handler to reference values.
//!
//! The table that is built in knows the released runtimes. A file of the same form takes its place for others.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use contrast_attestation::simulated::{Processor, SimulatorError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::platform::Platform;
use crate::{
    failure::Advice,
    workspace::{self, WorkspaceError},
};

/// The table that is built in. Until a runtime is released, the version in its handler is 0, and nothing is measured.
const BUILT_IN: &str = include_str!("../../../deploy/runtimes.json");

/// What a release calls them, one a line: the name in the table, ` = `, and the new one. The program is built with it.
const RELEASED: &str = match option_env!("CONTRAST_RUNTIME_NAMES") {
    Some(names) => names,
    None => "",
};

/// Runtimes by their handler, which is the name of their RuntimeClass, too.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub(crate) struct Runtimes(BTreeMap<String, Entries>);

/// Reference values of one runtime, as a manifest has them, but for what only the user knows.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Entries {
    snp: Vec<Value>,
    tdx: Vec<Value>,
    simulated: Vec<Value>,
}

/// Reference values cannot be had.
#[derive(thiserror::Error, Debug)]
pub(crate) enum RuntimesError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// It is of another form.
    #[error("{} holds no reference values: {source}", path.display())]
    Form { path: PathBuf, source: serde_json::Error },
    /// It is JSON, but neither of the two forms.
    #[error("{} holds no reference values: it is neither an object of runtime handlers nor an entry, or a list of them", .0.display())]
    Neither(PathBuf),
    /// It has entries without handlers, and nobody said what they are for.
    #[error("{} holds entries of no runtime", .0.display())]
    Nameless(PathBuf),
    /// Nothing says how pods of a platform are run.
    #[error("no runtime for {0} is known")]
    NoRuntime(Platform),
    /// Several runtimes could be meant.
    #[error("several runtimes for {platform} are known: {}", handlers.join(", "))]
    Several { platform: Platform, handlers: Vec<String> },
    /// Pods ask for confidentiality, and nobody said which.
    #[error("nobody says which platform pods of the runtime class `contrast-cc` run on")]
    NoPlatform,
    /// There are as many simulated processors as somebody makes.
    #[error("reference values of simulated hardware are those of a simulated processor, and none is named")]
    NoSimulator,
    /// A simulated processor cannot be read.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
}

impl Advice for RuntimesError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::File(error) => return error.advice(),
            Self::Form { .. } | Self::Neither(_) => {
                "give { \"<handler>\": { \"snp\": [...], \"tdx\": [...] } }, or what `contrast measure … --output json` prints".into()
            }
            Self::Nameless(_) | Self::NoPlatform => "name the platform with --reference-values".into(),
            Self::NoRuntime(_) | Self::Several { .. } => {
                "give a file with the one that is meant, by its handler, with --reference-values-file".into()
            }
            Self::NoSimulator | Self::Simulator(_) => {
                "make a simulated processor with `contrast simulator init`, and name its folder with --simulator-dir".into()
            }
        })
    }
}

/// The table, with the names of a release.
fn named(table: &str, names: &str) -> String {
    let names = names.lines().filter_map(|line| line.split_once(" = "));
    names.fold(table.to_owned(), |table, (name, new)| table.replace(name, new))
}

impl Runtimes {
    /// The released ones.
    pub(crate) fn built_in() -> Self {
        // A test reads it.
        serde_json::from_str(&named(BUILT_IN, RELEASED)).unwrap_or_default()
    }

    /// The released ones, but for what a file says: handler to entries, or entries of `platform`.
    pub(crate) fn of_file(path: &Path, platform: Option<Platform>) -> Result<Self, RuntimesError> {
        let form = |source| RuntimesError::Form { path: path.to_owned(), source };
        let value: Value = serde_json::from_slice(&workspace::read(path)?).map_err(form)?;
        let mut runtimes = Self::built_in();
        match measured(&value) {
            Some(entries) => {
                let platform = platform.ok_or_else(|| RuntimesError::Nameless(path.to_owned()))?;
                let handler = runtimes.handler(platform)?.to_owned();
                let built_in = runtimes.0.remove(&handler).unwrap_or_default();
                runtimes.0.insert(handler, built_in.completing(entries));
            }
            None if value.is_object() => {
                let given: BTreeMap<String, Entries> = serde_json::from_value(value).map_err(form)?;
                for platform in Platform::ALL {
                    if given.keys().any(|handler| Platform::of_class(handler) == Some(platform)) {
                        runtimes.0.retain(|handler, _| Platform::of_class(handler) != Some(platform));
                    }
                }
                runtimes.0.extend(given);
            }
            None => return Err(RuntimesError::Neither(path.to_owned())),
        }
        Ok(runtimes)
    }

    /// The handler of a platform's runtime.
    pub(crate) fn handler(&self, platform: Platform) -> Result<&str, RuntimesError> {
        let of_platform = |handler: &&String| Platform::of_class(handler) == Some(platform);
        let mut handlers = self.0.keys().filter(of_platform);
        let first = handlers.next().ok_or(RuntimesError::NoRuntime(platform))?;
        let others: Vec<_> = handlers.cloned().collect();
        if others.is_empty() {
            return Ok(first);
        }
        let handlers = [vec![first.clone()], others].concat();
        Err(RuntimesError::Several { platform, handlers })
    }

    /// `ReferenceValues` of a manifest for pods on these platforms.
    pub(crate) fn reference_values(
        &self,
        platforms: impl IntoIterator<Item = Platform>,
        simulator: Option<&Path>,
    ) -> Result<Value, RuntimesError> {
        let mut all = Entries::default();
        for platform in platforms {
            let mut entries = self.0.get(self.handler(platform)?).cloned().unwrap_or_default();
            match (platform, simulator) {
                (Platform::Simulated, Some(folder)) => {
                    entries.simulated = vec![Processor::open(folder)?.reference_values_json()];
                }
                (Platform::Simulated, None) if entries.simulated.is_empty() => {
                    return Err(RuntimesError::NoSimulator);
                }
                _ => {}
            }
            entries.mark(platform);
            all.snp.append(&mut entries.snp);
            all.tdx.append(&mut entries.tdx);
            all.simulated.append(&mut entries.simulated);
        }
        let lists = [("snp", all.snp), ("tdx", all.tdx), ("simulated", all.simulated)];
        Ok(lists
            .into_iter()
            .filter(|(_, entries)| !entries.is_empty())
            .map(|(name, entries)| (name.to_owned(), Value::Array(entries)))
            .collect())
    }
}

impl Entries {
    /// Says in each entry which platform it is for.
    fn mark(&mut self, platform: Platform) {
        for entry in self.snp.iter_mut().chain(&mut self.tdx).chain(&mut self.simulated) {
            if let Some(entry) = entry.as_object_mut() {
                entry.entry("Platform").or_insert_with(|| json!(platform.name()));
            }
        }
    }

    /// `measured` entries, with what these here say besides: of the same product, or of the only one.
    fn completing(self, mut measured: Self) -> Self {
        let complete = |entries: &mut Vec<Value>, of: &[Value]| {
            for entry in entries {
                let product = entry.get("ProductName").cloned();
                let more = of.iter().find(|other| other.get("ProductName") == product.as_ref());
                if let (Some(entry), Some(more)) = (entry.as_object_mut(), more.and_then(Value::as_object)) {
                    for (name, value) in more {
                        entry.entry(name).or_insert_with(|| value.clone());
                    }
                }
            }
        };
        complete(&mut measured.snp, &self.snp);
        complete(&mut measured.tdx, &self.tdx);
        measured
    }
}

/// Entries as `contrast measure` prints them: one, or a list of several; or the lists of a manifest.
fn measured(value: &Value) -> Option<Entries> {
    let entries = match value {
        Value::Array(entries) => entries.clone(),
        one => vec![one.clone()],
    };
    let mut measured = Entries::default();
    for entry in entries {
        if entry.get("TrustedMeasurement").is_some() {
            let list = if entry.get("Root").is_some() { &mut measured.simulated } else { &mut measured.snp };
            list.push(entry);
        } else if entry.get("MrTd").is_some() {
            measured.tdx.push(entry);
        } else {
            return None;
        }
    }
    Some(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn every_platform_has_one_runtime() {
        let built_in: Runtimes = serde_json::from_str(BUILT_IN).unwrap();
        let names = "contrast-cc-simulated-00000000 = contrast-cc-simulated-1a2b3c4d\n";
        assert!(named(BUILT_IN, names).contains("\"contrast-cc-simulated-1a2b3c4d\": {"));
        assert_eq!(named(BUILT_IN, ""), BUILT_IN);
        for platform in Platform::ALL.into_iter().filter(|platform| *platform != Platform::Simulated) {
            let handler = built_in.handler(platform).unwrap();
            assert!(handler.starts_with(&format!("contrast-cc-{}-", platform.name().to_lowercase())));
            let values = built_in.reference_values([platform], None).unwrap();
            let marked = |list: &Value| {
                list.as_array().unwrap().iter().all(|entry| entry["Platform"] == platform.name())
            };
            assert!(values.as_object().unwrap().values().all(marked), "{values}");
        }
    }

    #[test]
    fn a_file_of_handlers_takes_the_place_of_what_is_built_in_for_its_platform_alone() {
        let handler = "contrast-cc-metal-qemu-snp-1a2b3c4d";
        let file = file(&json!({ handler: { "snp": [{ "ProductName": "Genoa" }] } }).to_string());
        let runtimes = Runtimes::of_file(file.path(), None).unwrap();
        assert_eq!(runtimes.handler(Platform::MetalQemuSnp).unwrap(), handler);
        assert!(runtimes.handler(Platform::MetalQemuTdx).is_ok());
        let values = runtimes.reference_values([Platform::MetalQemuSnp], None).unwrap();
        assert_eq!(values, json!({ "snp": [{ "Platform": "Metal-QEMU-SNP", "ProductName": "Genoa" }] }));
    }

    #[test]
    fn measured_entries_are_completed_by_what_is_built_in() {
        let measured = json!({ "ProductName": "Genoa", "TrustedMeasurement": "ab" });
        let file = file(&measured.to_string());
        assert!(matches!(Runtimes::of_file(file.path(), None), Err(RuntimesError::Nameless(_))));
        let runtimes = Runtimes::of_file(file.path(), Some(Platform::MetalQemuSnp)).unwrap();
        let values = runtimes.reference_values([Platform::MetalQemuSnp], None).unwrap();
        assert_eq!(values.pointer("/snp/0/TrustedMeasurement"), Some(&json!("ab")));
        assert_eq!(values.pointer("/snp/0/GuestPolicy/SMT"), Some(&json!(true)), "{values}");
        assert_eq!(values.pointer("/snp/1"), None);
    }

    #[test]
    fn what_is_of_no_form_is_refused() {
        for text in ["", "[1]", "1", "{\"a\": 1}", "{\"contrast-cc-x\": {\"sev\": []}}"] {
            let error = Runtimes::of_file(file(text).path(), Some(Platform::MetalQemuSnp)).unwrap_err();
            assert!(
                matches!(error, RuntimesError::Form { .. } | RuntimesError::Neither(_)),
                "{text}: {error}"
            );
        }
    }
}
