//! Volumes that a confidential VM can have: there is no file system that it shares with the node.

use contrast_resources::{Step, WorkloadKind};
use serde_json::Value;

use super::{Finding, Pods, Severity};
use crate::generate::platform::Delivery;

/// Kinds of volumes whose files are copied into the guest, or are its own.
const KINDS: [&str; 6] = ["configMap", "downwardAPI", "emptyDir", "ephemeral", "projected", "secret"];

pub(super) fn check(pods: &Pods<'_>) -> Vec<Finding> {
    // Older runtimes shared a file system with the node.
    let severity = match pods.platform.delivery() {
        Delivery::Annotation => Severity::Warning,
        Delivery::Initdata => Severity::Error,
    };
    let volumes = pods.spec().and_then(|spec| spec.get("volumes")).and_then(Value::as_array);
    let volumes: Vec<&Value> = volumes.into_iter().flatten().collect();
    let mut findings = Vec::new();
    for container in pods.containers() {
        let mounts = container.value.get("volumeMounts").and_then(Value::as_array);
        for (index, mount) in mounts.into_iter().flatten().enumerate() {
            let name = mount.get("name").and_then(Value::as_str).unwrap_or_default();
            let volume =
                volumes.iter().find(|volume| volume.get("name").and_then(Value::as_str) == Some(name));
            let message = match volume {
                Some(volume) if KINDS.iter().any(|kind| volume.get(kind).is_some()) => continue,
                Some(volume) => format!(
                    "the volume `{name}` is a {}, and what is written there is lost with the pod; use a block device (volumeDevices), or one of: {}",
                    kind(volume),
                    KINDS.join(", ")
                ),
                // A claim of a StatefulSet, or nothing: the policy says so.
                None => continue,
            };
            let path = [
                Step::Key("spec"),
                Step::Key(container.list),
                Step::Item(container.index),
                Step::Key("volumeMounts"),
                Step::Item(index),
            ];
            findings.push(pods.finding(&path, message).as_(severity, "volumes"));
        }
    }
    findings.extend(claims(pods, severity));
    findings
}

/// What kind of volume it is, in the word of its member.
fn kind(volume: &Value) -> &str {
    let members = volume.as_object().into_iter().flatten();
    members.map(|(name, _)| name.as_str()).find(|name| *name != "name").unwrap_or("volume without a kind")
}

/// Claims that a StatefulSet makes for its pods are for block devices.
fn claims(pods: &Pods<'_>, severity: Severity) -> Vec<Finding> {
    let object =
        pods.resources.object(pods.workload).filter(|_| pods.workload.kind == WorkloadKind::StatefulSet);
    let claims =
        object.and_then(|object| object.pointer("/spec/volumeClaimTemplates")).and_then(Value::as_array);
    let is_block =
        |claim: &&Value| claim.pointer("/spec/volumeMode").and_then(Value::as_str) == Some("Block");
    let wrong = claims.into_iter().flatten().filter(|claim| !is_block(claim));
    let finding = |claim: &Value| {
        let name = claim.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let message = format!(
            "the claim template `{name}` is not for a block device, and what is written there is lost with the pod; set `volumeMode: Block`, and use it with volumeDevices or the annotation secure-pv"
        );
        pods.finding(&[Step::Key("spec")], message).as_(severity, "volumes")
    };
    wrong.map(finding).collect()
}
