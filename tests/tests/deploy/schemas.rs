//! The API server's own schemas.

use std::{fs, path::Path};

use contrast_tests::{helm, kubernetes_validate};
use serde_json::Value;

use crate::{FILES, OF_NODES, deploy, plain, values};

/// The oldest release with sidecar containers by default, and the present one.
const VERSIONS: [&str; 2] = ["1.29", "1.37"];

/// Whether the schemas know such an object: they have nothing of extensions.
fn is_of_kubernetes(value: &Value) -> bool {
    value["apiVersion"] != "monitoring.coreos.com/v1"
}

fn refused(files: &[&Path], version: &str) -> Option<String> {
    let mut command = kubernetes_validate()?;
    let output = command.args(["--strict", "-k", version]).args(files).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), !said.contains("ERROR"), "{said}");
    (!output.status.success()).then_some(said)
}

/// Writes what the schemas know of these objects into a file.
fn written(folder: &Path, name: &str, values: &[Value]) -> std::path::PathBuf {
    let path = folder.join(name);
    let known: Vec<_> = values.iter().filter(|value| is_of_kubernetes(value)).collect();
    assert!(!known.is_empty());
    // JSON is YAML.
    let text: Vec<_> = known.iter().map(ToString::to_string).collect();
    fs::write(&path, text.join("\n---\n")).unwrap();
    path
}

#[test]
fn every_object_is_one_that_old_and_new_clusters_know_to_the_last_member() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = FILES
        .iter()
        .chain(&OF_NODES)
        .map(|name| written(folder.path(), &name.replace('/', "-"), &plain(name)))
        .collect();
    let files: Vec<_> = files.iter().map(AsRef::as_ref).collect();
    for version in VERSIONS {
        assert_eq!(refused(&files, version), None, "{version}");
    }
    // The check would find a mistake.
    if kubernetes_validate().is_some() {
        let text = fs::read_to_string(deploy("coordinator.yml")).unwrap();
        let wrong = folder.path().join("wrong.yml");
        fs::write(&wrong, text.replace("publishNotReadyAddresses", "publishNotReadyAdresses")).unwrap();
        assert!(refused(&[&wrong], "1.37").unwrap().contains("publishNotReadyAdresses"));
    }
}

#[test]
fn so_is_what_the_chart_renders_with_every_value_set() {
    let Some(mut helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    helm.args(["template", "contrast", "--kube-version", "1.29"]).arg(deploy("chart"));
    helm.arg("--values").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/every-value.yaml"));
    let output = helm.env("HOME", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rendered = values(&String::from_utf8(output.stdout).unwrap());
    let path = written(folder.path(), "rendered.yml", &rendered);
    for version in VERSIONS {
        assert_eq!(refused(&[&path], version), None, "{version}");
    }
}
