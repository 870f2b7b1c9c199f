//! From what was said to what is shown. Asks nobody.

use std::collections::HashMap;

use contrast_kubernetes::Access;
use contrast_manifest::{ManifestDocument, PolicyEntry, Role};

use super::{
    Cluster, CoordinatorState, Workload,
    events::Events,
    nodes,
    observed::Observed,
    pods,
    pods::{Digest, digest, is_ours},
};
use crate::generate::platform::is_confidential;

/// What the cluster says, by the entries of the manifest.
pub(crate) fn cluster(
    observed: &Observed,
    document: Option<&ManifestDocument>,
    coordinator: CoordinatorState,
) -> Cluster {
    let events = Events::new(observed.events.as_deref());
    let node_events = Events::new(observed.node_events.as_deref());
    let empty = Vec::new();
    let all = observed.pods.as_ref().unwrap_or(&empty);
    let look = pods::Look { events: &events, logs: &observed.logs, coordinator };
    let mut cluster = Cluster { missing: observed.missing.clone(), ..Cluster::default() };
    let policies = document.map(|document| &document.manifest().policies);
    // Each policy is read once: it may be large, and there are many pods and many entries to compare it with.
    let (mut listed, mut strangers) = (HashMap::<_, Vec<_>>::new(), Vec::new());
    for (pod, digest) in
        all.iter().map(|pod| (pod, digest(pod))).filter(|(pod, digest)| is_ours(pod, *digest))
    {
        match digest {
            Digest::Of(policy) if policies.is_some_and(|policies| policies.contains_key(&policy)) => {
                listed.entry(policy).or_default().push(pod);
            }
            digest => strangers.push((pod, digest)),
        }
    }
    for (policy, entry) in policies.into_iter().flatten() {
        let own = listed.remove(policy).unwrap_or_default();
        let pods: Vec<_> = own.into_iter().map(|pod| look.judge(pod, entry.role)).collect();
        let mut workload = Workload {
            name: name(entry).unwrap_or_else(|| hex::encode(policy).chars().take(12).collect()),
            policy: hex::encode(policy),
            coordinator: entry.role == Role::Coordinator,
            pods,
            reason: None,
            advice: None,
        };
        if observed.pods.is_some() {
            say_why_none(&mut workload, &events);
        }
        cluster.workloads.push(workload);
    }
    cluster.workloads.sort_by(|a, b| b.coordinator.cmp(&a.coordinator).then_with(|| a.name.cmp(&b.name)));
    let strangers = strangers.into_iter();
    cluster.strangers =
        strangers.map(|(pod, digest)| look.stranger(pod, digest, policies.is_some())).collect();
    cluster.nodes = nodes::judge(observed.nodes.as_deref().unwrap_or_default(), &node_events);
    let classes = observed.runtime_classes.iter().flatten();
    cluster.runtime_classes = classes
        .filter_map(|class| class.metadata.name.clone())
        .filter(|name| is_confidential(name))
        .collect();
    cluster
}

/// Says which cluster it is.
pub(crate) fn introduce(cluster: &mut Cluster, access: &Access, namespace: &str, way: Option<String>) {
    cluster.server = Some(access.server.clone());
    cluster.context.clone_from(&access.context);
    cluster.namespace = Some(namespace.to_owned());
    cluster.way = way;
}

/// `Kind/name`, if the secret's name is the one that `generate` gives; the first name otherwise.
fn name(entry: &PolicyEntry) -> Option<String> {
    let id = entry.workload_secret_id.as_deref().unwrap_or_default();
    let parts: Vec<_> = id.split('/').collect();
    match parts.as_slice() {
        [_, _, kind, _, name] | ["v1", kind, _, name] => Some(format!("{kind}/{name}")),
        _ => entry.sans.first().cloned(),
    }
}

fn say_why_none(workload: &mut Workload, events: &Events<'_>) {
    if !workload.pods.is_empty() {
        return;
    }
    let (kind, name) = workload.name.split_once('/').unwrap_or(("", &workload.name));
    let (reason, advice) = match events.of_creation(kind, name) {
        Some(message) => pods::creation_refused(message),
        None if events.are_known() => {
            ("there is no pod".to_owned(), Some("apply its resource file".to_owned()))
        }
        None => ("there is no pod, and events, which would tell why, may not be seen".to_owned(), None),
    };
    (workload.reason, workload.advice) = (Some(reason), advice);
}
