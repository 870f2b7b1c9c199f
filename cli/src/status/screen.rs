//! One screen for people.

use std::fmt::Write as _;

use super::{Attested, Cluster, CoordinatorState, Pod, PodState, Status, Verdict, Workload};

/// As many pods of a workload are shown one by one.
const MOST_PODS: usize = 12;
/// Reasons are cut where they are longer.
const LONGEST_REASON: usize = 600;
/// Digits of hashes that tell them apart.
const DIGITS: usize = 16;

/// Everything, in lines. What it quotes is not escaped yet.
pub(crate) fn screen(status: &Status) -> String {
    let mut text = String::new();
    attested(&mut text, &status.attested);
    text.push('\n');
    cluster(&mut text, &status.cluster);
    text.push('\n');
    line(&mut text, "", verdict(status));
    text
}

fn attested(text: &mut String, attested: &Attested) {
    line(text, "", "ATTESTED (proved by evidence)");
    if attested.simulated {
        line(text, "  ", "!!! SIMULATED hardware: nothing of this is confidential !!!");
    }
    field(text, "Coordinator", state(attested.state));
    optional(text, "reason", attested.reason.as_deref());
    if attested.state.is_attested() {
        optional(text, "address", attested.address.as_deref());
        optional(text, "accepted by", attested.accepted_by.as_deref());
        optional(text, "policy", attested.policy.as_deref().map(digits));
    }
    if let Some(manifest) = &attested.manifest {
        let same = match attested.same_manifest {
            Some(true) => ", the local one",
            _ => ", NOT the local one",
        };
        field(text, "manifest", &format!("{}{same}", digits(manifest)));
        if attested.same_manifest == Some(false) {
            optional(text, "local manifest", attested.local_manifest.as_deref().map(digits));
        }
    }
    if let Some(transition) = &attested.latest_transition {
        let known = match attested.remembered {
            Some(true) => ", as remembered here",
            Some(false) => ", newer than what is remembered here: run `contrast verify`",
            None => ", and none is remembered here: run `contrast verify`",
        };
        field(text, "transition", &format!("{}{known}", digits(transition)));
    }
    if let (Some(time), Some(number)) = (&attested.set_at, attested.manifests) {
        field(text, "set", &format!("{time} (manifests so far: {number})"));
    }
    help(text, "  ", attested.advice.as_deref());
}

fn cluster(text: &mut String, cluster: &Cluster) {
    line(text, "", "SAID BY THE CLUSTER (proved by nobody)");
    let context = cluster.context.as_ref().map(|name| format!(", context {name}")).unwrap_or_default();
    optional(
        text,
        "API server",
        cluster.server.as_ref().map(|server| format!("{server}{context}")).as_deref(),
    );
    if let Some(reason) = &cluster.unreachable {
        field(text, "not reachable", reason);
        help(text, "  ", cluster.advice.as_deref());
        return;
    }
    optional(text, "namespace", cluster.namespace.as_deref());
    optional(text, "way", cluster.way.as_deref());
    let pods = || cluster.workloads.iter().flat_map(|workload| &workload.pods).chain(&cluster.strangers);
    if pods().any(|pod| pod.simulated) {
        line(text, "  ", "!!! pods of the SIMULATED platform: nothing in them is confidential !!!");
    }
    for it in &cluster.workloads {
        workload(text, it);
    }
    if !cluster.strangers.is_empty() {
        line(text, "  ", "Pods that should be confidential, and are not in the manifest:");
        cluster.strangers.iter().take(MOST_PODS).for_each(|it| pod(text, it));
        more(text, cluster.strangers.len());
    }
    for node in &cluster.nodes {
        let ready = if node.ready { "" } else { ", NOT ready" };
        let none = if node.runtimes.is_empty() { ": no runtime of Contrast" } else { "" };
        line(text, "  ", &format!("Node {}{ready}{none}", node.name));
        for runtime in &node.runtimes {
            let reason =
                runtime.reason.as_ref().map(|reason| format!(": {}", cut(reason))).unwrap_or_default();
            line(text, "    ", &format!("{} {}{reason}", runtime.handler, runtime.state));
        }
    }
    if !cluster.runtime_classes.is_empty() {
        field(text, "RuntimeClasses", &cluster.runtime_classes.join(", "));
    }
    if !cluster.missing.is_empty() {
        line(text, "  ", "Not shown, for lack of a right:");
        for missing in &cluster.missing {
            line(text, "    ", &format!("{}: {}", missing.right, missing.without));
        }
    }
}

fn workload(text: &mut String, workload: &Workload) {
    let role = if workload.coordinator { " (Coordinator)" } else { "" };
    line(text, "  ", &format!("{}{role}", workload.name));
    if let Some(reason) = &workload.reason {
        line(text, "    ", &cut(reason));
    }
    help(text, "    ", workload.advice.as_deref());
    workload.pods.iter().take(MOST_PODS).for_each(|it| pod(text, it));
    more(text, workload.pods.len());
}

fn pod(text: &mut String, pod: &Pod) {
    let ready = match (pod.state.runs(), pod.ready) {
        (true, true) => ", ready",
        (true, false) => ", not ready",
        (false, _) => "",
    };
    let restarts = if pod.restarts > 0 { format!(", restarts: {}", pod.restarts) } else { String::new() };
    let node = pod.node.as_ref().map(|node| format!(" on {node}")).unwrap_or_default();
    line(text, "    ", &format!("{:<9} {}{node}{ready}{restarts}", word(pod.state), pod.name));
    if let Some(reason) = &pod.reason {
        line(text, "              ", &cut(reason));
    }
    help(text, "              ", pod.advice.as_deref());
}

fn word(state: PodState) -> &'static str {
    match state {
        PodState::Waiting => "waits",
        PodState::Certified => "certified",
        PodState::Running => "runs",
        PodState::Refused => "REFUSED",
        PodState::Failed => "FAILED",
        PodState::Ended => "ended",
    }
}

fn state(state: CoordinatorState) -> &'static str {
    match state {
        CoordinatorState::Unreachable => "NOT REACHED",
        CoordinatorState::NotAttested => "NOT ATTESTED",
        CoordinatorState::Uninitialised => "attested; no manifest was set yet",
        CoordinatorState::Locked => "attested; locked after a restart",
        CoordinatorState::Active => "attested; active",
        CoordinatorState::Unknown => "attested; its state is not known",
    }
}

fn verdict(status: &Status) -> &'static str {
    match status.verdict {
        Verdict::Well if !status.cluster.missing.is_empty() => "All is well, as far as it may be seen.",
        Verdict::Well => "All is well.",
        Verdict::Waiting => "Something waits.",
        Verdict::Failed => "Something is refused, failed, or not as the local manifest says.",
        Verdict::NotAttested => "The Coordinator is not attested.",
        Verdict::Unreachable => "The cluster is not reachable.",
    }
}

/// A value under its name.
fn field(text: &mut String, name: &str, value: &str) {
    line(text, "  ", &format!("{name:<15} {}", cut(value)));
}

fn optional(text: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        field(text, name, value);
    }
}

fn help(text: &mut String, indent: &str, advice: Option<&str>) {
    if let Some(advice) = advice {
        line(text, indent, &format!("-> {advice}"));
    }
}

fn more(text: &mut String, pods: usize) {
    if let Some(rest) = pods.checked_sub(MOST_PODS).filter(|rest| *rest > 0) {
        line(text, "    ", &format!("and {rest} more (--output json has all)"));
    }
}

/// Lines that are set in, whatever they quote.
fn line(text: &mut String, indent: &str, line: &str) {
    let mut lines = line.lines();
    let _ = writeln!(text, "{indent}{}", lines.next().unwrap_or_default());
    for further in lines {
        let _ = writeln!(text, "{indent}    {further}");
    }
}

fn cut(reason: &str) -> String {
    match reason.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", reason.get(..end).unwrap_or_default()),
        None => reason.to_owned(),
    }
}

fn digits(hash: &str) -> &str {
    hash.get(..DIGITS).unwrap_or(hash)
}
