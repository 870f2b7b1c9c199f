//! What the cluster adds to pods that the YAML does not show.

use contrast_resources::Step;
use serde_json::Value;

use super::{Finding, Pods, Severity};

pub(super) fn check(pods: &Pods<'_>) -> Vec<Finding> {
    let is_off =
        |member: &str| pods.spec().and_then(|spec| spec.get(member)).and_then(Value::as_bool) == Some(false);
    let finding = |code, message: &str| {
        pods.finding(&[Step::Key("spec")], message.to_owned()).as_(Severity::Note, code)
    };
    let mut findings = Vec::new();
    if !is_off("enableServiceLinks") {
        findings.push(finding(
            "service-links",
            "the cluster adds variables for each Service of the namespace, which the policy admits by their form; set `enableServiceLinks: false`",
        ));
    }
    if !is_off("automountServiceAccountToken") {
        findings.push(finding(
            "service-account-token",
            "the cluster may mount a token of the service account, whose files the host writes; set `automountServiceAccountToken: false`",
        ));
    }
    if !says_its_user(pods) {
        findings.push(finding(
            "security-context",
            "an admission controller may add the security context of the namespace (on OpenShift one does), and a pod that it changes is refused; set `securityContext.runAsUser`",
        ));
    }
    findings
}

/// Whether nothing is left to be said about who runs the containers.
fn says_its_user(pods: &Pods<'_>) -> bool {
    let says = |of: &Value| of.pointer("/securityContext/runAsUser").is_some();
    let Some(spec) = pods.spec() else { return true };
    let mut containers =
        ["initContainers", "containers"].iter().filter_map(|list| spec.get(*list)?.as_array()).flatten();
    says(spec) || containers.all(says)
}
