//! A list of peers that is there and empty is probably a mistake.

use contrast_resources::Step;

use super::{Finding, Pods, Severity};
use crate::generate::inject::EGRESS;

pub(super) fn check(pods: &Pods<'_>) -> Vec<Finding> {
    if pods.resources.annotation(pods.workload, EGRESS) != Some("") {
        return Vec::new();
    }
    let path = ["metadata", "annotations", EGRESS].map(Step::Key);
    let message = format!(
        "the annotation {EGRESS} is empty, so that no peer is reached through the mesh; list peers, or use `servicemesh-ingress` to say that there is a mesh"
    );
    vec![pods.finding(&path, message).as_(Severity::Warning, "egress")]
}
