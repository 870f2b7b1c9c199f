//! What is in `deploy`: held to Kubernetes' own schemas and to what the manual says of it, the chart to the plain files, the dashboard to
//! the Coordinator's real metrics, and the example application run as it says.
//! (What `contrast generate` makes of it: the tests of `generate`.)
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod chart;
mod coordinator;
mod manual;
mod monitoring;
mod nodes;
mod schemas;
mod shop;

use std::{fs, path::PathBuf};

use contrast_resources::File;
use contrast_tests::workspace_root;
use serde_json::Value;

/// The plain files.
const FILES: [&str; 4] =
    ["coordinator.yml", "shop.yml", "port-forwarder.yml", "monitoring/service-monitor.yml"];

/// What puts the runtime on nodes, and takes it away. Not in the chart: it is the cluster's, and not a deployment's.
const OF_NODES: [&str; 2] = ["runtime-simulated.yml", "runtime-simulated-uninstall.yml"];

/// A path in `deploy`.
fn deploy(name: &str) -> PathBuf {
    workspace_root().join("deploy").join(name)
}

/// All objects of a plain file.
fn plain(name: &str) -> Vec<Value> {
    values(&fs::read_to_string(deploy(name)).unwrap())
}

/// All objects of a text, in the order of their kinds and names.
fn values(text: &str) -> Vec<Value> {
    let file = File::read("resources".to_owned(), text.as_bytes().to_vec()).unwrap();
    let documents = file.documents().iter().map(|document| document.value().clone());
    let mut values: Vec<_> = documents.filter(|value| !value.is_null()).collect();
    values.sort_by_key(|value| (value["kind"].to_string(), value["metadata"]["name"].to_string()));
    values
}
