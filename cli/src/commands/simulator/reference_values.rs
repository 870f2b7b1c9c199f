//! `contrast simulator reference-values`: what the nodes of a cluster say of their simulated processors.

use std::{borrow::Cow, collections::BTreeMap};

use contrast_kubernetes::{
    AccessError,
    kube::{Api, api::ListParams},
};
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

use crate::{
    arguments::ClusterOptions,
    cluster::{self, Place},
    failure::{Advice, Failure},
    generate::platform::is_simulated,
    output,
};

/// Where the node installer writes it.
const ANNOTATION: &str = "contrast.edgeless.systems/simulated-reference-value";
/// What begins the labels of runtimes.
const LABEL: &str = "contrast.edgeless.systems/";
/// Before there are labels.
const DEVELOPMENT_HANDLER: &str = "contrast-cc-simulated-00000000";
/// A reference value is shorter.
const LONGEST: usize = 16 << 10;

/// There is nothing to print.
#[derive(thiserror::Error, Debug)]
enum ReferenceValuesError {
    /// An address is no cluster.
    #[error("reference values are asked of a cluster, and not of a Coordinator at an address")]
    NoCluster,
    /// No node has a simulated processor.
    #[error("no node of the cluster says that it has a simulated processor (nodes: {nodes})")]
    None { nodes: usize },
    /// A node says something else.
    #[error("the node {node} says something else than the reference value of a simulated processor")]
    Form { node: String },
}

impl Advice for ReferenceValuesError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::NoCluster => "give -c kubernetes".into(),
            Self::None { .. } => {
                "apply deploy/runtime-simulated.yml, and wait until `contrast status` shows the nodes as ready".into()
            }
            Self::Form { .. } => {
                format!("look at its annotation {ANNOTATION}; the node installer writes it anew when its pod restarts").into()
            }
        })
    }
}

/// Prints the file for `generate --reference-values-file`.
pub(super) async fn print(place: &Place, options: &ClusterOptions) -> Result<(), Failure> {
    if matches!(place, Place::Address(_)) {
        return Err(ReferenceValuesError::NoCluster.into());
    }
    let access = cluster::access(options)?;
    let nodes: Api<Node> = Api::all(access.client.clone());
    let nodes = nodes.list(&ListParams::default()).await.map_err(AccessError::from)?.items;
    let found = of_nodes(&nodes)?;
    output::warning(
        "the cluster says so, and nobody checked it. Nothing on SIMULATED hardware is confidential.",
    );
    output::result(&format!("{found:#}\n"));
    Ok(())
}

/// One entry for each processor, by handler.
fn of_nodes(nodes: &[Node]) -> Result<Value, ReferenceValuesError> {
    let mut handlers: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for node in nodes {
        let annotations = node.metadata.annotations.as_ref();
        let Some(text) = annotations.and_then(|annotations| annotations.get(ANNOTATION)) else { continue };
        let form = || ReferenceValuesError::Form { node: node.metadata.name.clone().unwrap_or_default() };
        let value: Value = Some(text)
            .filter(|text| text.len() <= LONGEST)
            .and_then(|text| serde_json::from_str(text).ok())
            .filter(|value: &Value| value.get("Platform").and_then(Value::as_str) == Some("Simulated"))
            .ok_or_else(form)?;
        let labels = node.metadata.labels.iter().flat_map(BTreeMap::keys);
        let named: Vec<_> = labels
            .filter_map(|label| label.strip_prefix(LABEL).filter(|handler| is_simulated(handler)))
            .collect();
        for handler in if named.is_empty() { vec![DEVELOPMENT_HANDLER] } else { named } {
            let entries = handlers.entry(handler.to_owned()).or_default();
            if !entries.contains(&value) {
                entries.push(value.clone());
            }
        }
    }
    if handlers.is_empty() {
        return Err(ReferenceValuesError::None { nodes: nodes.len() });
    }
    let members = handlers.into_iter().map(|(handler, entries)| (handler, json!({ "simulated": entries })));
    Ok(Value::Object(members.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, value: Option<&str>, label: Option<&str>) -> Node {
        let mut node = Node::default();
        node.metadata.name = Some(name.to_owned());
        node.metadata.annotations = value.map(|value| [(ANNOTATION.to_owned(), value.to_owned())].into());
        node.metadata.labels = label.map(|label| [(format!("{LABEL}{label}"), "ready".to_owned())].into());
        node
    }

    fn value(root: &str) -> String {
        json!({ "Platform": "Simulated", "Root": root }).to_string()
    }

    #[test]
    fn each_processor_has_one_entry_under_the_handler_of_its_node() {
        let (a, b) = (value("a"), value("b"));
        let nodes = [
            node("1", Some(&a), Some("contrast-cc-simulated-1234abcd")),
            node("2", Some(&a), Some("contrast-cc-simulated-1234abcd")),
            node("3", Some(&b), Some("contrast-cc-simulated-1234abcd")),
            node("4", None, Some("contrast-cc-metal-qemu-snp-00000000")),
            node("5", Some(&b), None),
        ];
        let found = of_nodes(&nodes).unwrap();
        let roots = |handler: &str| {
            let entries = found[handler]["simulated"].as_array().unwrap();
            entries.iter().map(|entry| entry["Root"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(roots("contrast-cc-simulated-1234abcd"), ["a", "b"]);
        assert_eq!(roots(DEVELOPMENT_HANDLER), ["b"]);
    }

    #[test]
    fn a_cluster_without_simulated_processors_is_told_what_to_do() {
        let error = of_nodes(&[node("1", None, None)]).unwrap_err();
        assert!(error.to_string().contains("nodes: 1"));
        assert!(error.advice().unwrap().contains("runtime-simulated.yml"));
    }

    #[test]
    fn what_is_no_reference_value_is_named_by_its_node() {
        for text in ["", "[]", "{\"Platform\":\"AKS\"}", &"x".repeat(LONGEST + 1)] {
            let error = of_nodes(&[node("bad", Some(text), None)]).unwrap_err();
            assert!(error.to_string().contains("node bad"), "{error}");
        }
    }
}
