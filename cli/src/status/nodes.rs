//! Nodes, and the runtimes that their labels tell of.

use k8s_openapi::api::core::v1::Node as ApiNode;

use super::{Node, Runtime, events::Events};
use crate::generate::platform::is_confidential;

/// What begins the labels. The rest is the handler; the value is its state.
const LABEL: &str = "contrast.edgeless.systems/";

/// The nodes that have a runtime, or, if none has, all of them.
pub(super) fn judge(nodes: &[ApiNode], events: &Events<'_>) -> Vec<Node> {
    let all: Vec<_> = nodes.iter().map(|node| judge_one(node, events)).collect();
    let with: Vec<_> = all.iter().filter(|node| !node.runtimes.is_empty()).cloned().collect();
    if with.is_empty() { all } else { with }
}

fn judge_one(node: &ApiNode, events: &Events<'_>) -> Node {
    let name = node.metadata.name.clone().unwrap_or_default();
    let labels = node.metadata.labels.iter().flatten();
    let runtimes = labels.filter_map(|(key, state)| {
        let handler = key.strip_prefix(LABEL).filter(|handler| is_confidential(handler))?;
        let reason = (state != "ready").then(|| events.of_node(&name, handler)).flatten();
        Some(Runtime { handler: handler.to_owned(), state: state.clone(), reason: reason.map(str::to_owned) })
    });
    let runtimes = runtimes.collect();
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    Node { name, ready, runtimes }
}
