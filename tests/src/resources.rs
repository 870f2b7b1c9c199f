//! Resources that `contrast generate` has written.

use std::{fs, io::Read as _, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use contrast_policy::initdata;
use contrast_resources::{File, WorkloadKind, objects};
use flate2::read::GzDecoder;
use serde_json::Value;

/// The pod template of the one workload in a file.
#[derive(Clone, Debug)]
pub struct Generated {
    template: Value,
}

impl Generated {
    /// Reads the file.
    ///
    /// # Panics
    /// When there is not exactly one workload in it.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let [(_, template)] =
            templates(path).try_into().unwrap_or_else(|_| panic!("{} has one workload", path.display()));
        Self { template }
    }

    /// Reads a file with several workloads, and takes the one of this name.
    ///
    /// # Panics
    /// When it is not in it.
    #[must_use]
    pub fn named(path: &Path, name: &str) -> Self {
        let found = templates(path).into_iter().find(|(workload, _)| workload == name);
        let (_, template) = found.unwrap_or_else(|| panic!("{} has a workload {name}", path.display()));
        Self { template }
    }

    /// An annotation of the pods.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.template.pointer("/metadata/annotations")?.get(key)?.as_str()
    }

    /// The initialisation data that the pods are launched with: the bytes whose digest the hardware reports.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn initdata(&self) -> Vec<u8> {
        let text = self.annotation(initdata::ANNOTATION).expect("the pods have initialisation data");
        let compressed = BASE64_STANDARD.decode(text).expect("it is Base64");
        let mut document = Vec::new();
        GzDecoder::new(compressed.as_slice()).read_to_end(&mut document).expect("it is compressed");
        document
    }

    /// The value of a variable in the first container that has it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        let containers = self.template.pointer("/spec/containers")?.as_array()?;
        let variables = containers.iter().filter_map(|container| container.get("env")?.as_array()).flatten();
        let mut named =
            variables.filter(|variable| variable.get("name").and_then(Value::as_str) == Some(name));
        Some(named.next()?.get("value")?.as_str()?.to_owned())
    }
}

/// Names and pod templates of the workloads in a file.
fn templates(path: &Path) -> Vec<(String, Value)> {
    let bytes = fs::read(path).expect("the resources are there");
    let file = File::read(path.display().to_string(), bytes).expect("they can be read");
    let values: Vec<Value> = file.documents().iter().map(|document| document.value().clone()).collect();
    let objects = objects(&values);
    let workloads = objects.iter().filter_map(|object| {
        Some((object.name().to_owned(), WorkloadKind::of(object)?.template(object.value)?.clone()))
    });
    workloads.collect()
}
