//! A policy of this project's rules, for a pod that is described here.

use std::{fs, path::Path};

use contrast_policy::Engine;
use serde_json::Value;

/// The text of a policy for a pod.
pub(crate) fn text(pod: &Value) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // The one with the package is first.
    files.retain(|file| file.extension().is_some_and(|end| end == "rego"));
    files.sort_by_key(|file| (!file.ends_with("policy.rego"), file.clone()));
    let mut text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    text.push_str(&format!("\npod := {pod:#}\n"));
    text
}

/// The policy, loaded.
pub(crate) fn engine(pod: &Value) -> Engine {
    Engine::load(&text(pod)).unwrap()
}
