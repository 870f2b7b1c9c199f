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
    findings
}
