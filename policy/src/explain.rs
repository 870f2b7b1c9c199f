//! What a policy allows, in plain words.

mod container;

use std::collections::BTreeSet;

use crate::{
    expectation::{Expectations, Member, Text},
    request::Kind,
};

/// Something that a policy allows or leaves open, with everything that is said about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// What it is about, such as `Container web`.
    pub title: String,
    /// One sentence or phrase each.
    pub lines: Vec<String>,
}

/// Everything that a policy allows: the pod, each container, what the host may change, and what is left open.
#[must_use]
pub fn explain(expectations: &Expectations) -> Vec<Section> {
    let mut sections = vec![pod(expectations), container::section("Sandbox", &expectations.sandbox)];
    for container in &expectations.containers {
        sections.push(container::section(&format!("Container {}", container.name), container));
    }
    sections.push(host(expectations));
    sections.push(denied(expectations));
    sections.push(open(expectations));
    sections
}

fn pod(expectations: &Expectations) -> Section {
    let names: Vec<_> = expectations.containers.iter().map(|container| container.name.as_str()).collect();
    Section {
        title: "Pod".to_owned(),
        lines: vec![
            format!("its name is {}", expectations.pod_name),
            format!("its namespace is {}", expectations.namespace),
            format!("it runs {}, each at most once at a time", names.join(", ")),
        ],
    }
}

fn host(expectations: &Expectations) -> Section {
    let mut lines = Vec::new();
    for (kind, members) in &expectations.requests {
        let words = words(*kind);
        if members.is_empty() {
            lines.push(format!("it may {words}"));
        } else {
            lines.push(format!(
                "it may {words}, if {}",
                members.iter().map(condition).collect::<Vec<_>>().join(" and ")
            ));
        }
    }
    Section { title: "What the host may do".to_owned(), lines }
}

fn condition(member: &Member) -> String {
    format!("{} is {}", member.path, member.expected)
}

fn denied(expectations: &Expectations) -> Section {
    const BY_CONTAINER: [Kind; 5] =
        [Kind::CreateContainer, Kind::ExecProcess, Kind::ReadStream, Kind::WriteStream, Kind::CloseStdin];
    let lines = Kind::ALL
        .iter()
        .filter(|kind| !expectations.requests.contains_key(kind) && !BY_CONTAINER.contains(kind))
        .map(|kind| format!("it may not {}", words(*kind)));
    Section { title: "What the host may not do".to_owned(), lines: lines.collect() }
}

fn open(expectations: &Expectations) -> Section {
    let mut lines = Vec::new();
    if let Text::Any(what) = &expectations.namespace {
        lines.push(format!(
            "the namespace is not given: the first container chooses any {what}, and the others follow"
        ));
    }
    for container in std::iter::once(&expectations.sandbox).chain(&expectations.containers) {
        lines.extend(container::open(container));
    }
    // The same of all containers.
    let patterns: BTreeSet<_> =
        expectations.containers.iter().flat_map(|container| &container.env_patterns).collect();
    lines.extend(
        patterns
            .iter()
            .map(|pattern| format!("in each container, there may be variables of Services: {pattern}")),
    );
    lines.push("limits of processors, memory, processes and open files are the host's to set".to_owned());
    Section { title: "What is left open".to_owned(), lines }
}

/// What a kind of request does, after "may".
fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::CreateSandbox => "set the pod's sandbox up once",
        Kind::DestroySandbox => "end the pod",
        Kind::CreateContainer => "make containers",
        Kind::StartContainer => "start containers that it made",
        Kind::RemoveContainer => "remove containers that it made",
        Kind::ExecProcess => "run further processes",
        Kind::SignalProcess => "send signals to processes",
        Kind::WaitProcess => "wait for the end of processes",
        Kind::UpdateContainer => "change the limits of containers",
        Kind::UpdateEphemeralMounts => "mount ephemeral volumes anew",
        Kind::StatsContainer => "read how much containers use",
        Kind::PauseContainer => "pause containers",
        Kind::ResumeContainer => "resume paused containers",
        Kind::RemoveStaleVirtiofsShareMounts => "have stale mounts of shared folders looked for",
        Kind::GetDiagnosticData => "read termination messages",
        Kind::WriteStream => "write to the input of processes",
        Kind::ReadStream => "read what processes print",
        Kind::CloseStdin => "close the input of processes",
        Kind::TtyWinResize => "change the size of terminals",
        Kind::UpdateInterface => "set network interfaces up",
        Kind::UpdateRoutes => "replace the routes",
        Kind::AddArpNeighbors => "name network neighbours",
        Kind::ListInterfaces => "list network interfaces",
        Kind::ListRoutes => "list routes",
        Kind::GetIpTables => "read the packet filter",
        Kind::SetIpTables => "replace the packet filter",
        Kind::GetMetrics => "read the agent's metrics",
        Kind::MemAgentMemcg => "set the memory agent's limits",
        Kind::MemAgentCompact => "set the memory agent's compaction",
        Kind::OnlineCpuMem => "add processors and memory",
        Kind::ReseedRandomDev => "add randomness",
        Kind::GuestDetails => "ask what the guest is",
        Kind::MemHotplugByProbe => "add memory by its address",
        Kind::SetGuestDateTime => "set the clock",
        Kind::CopyFile => "copy files into the folder for shared files",
        Kind::GetOomEvent => "be told when memory runs out",
        Kind::AddSwap | Kind::AddSwapPath => "have the guest swap to its disks",
        Kind::VolumeStats => "ask how full volumes are",
        Kind::ResizeVolume => "change the size of volumes",
        Kind::SetPolicy => "replace the policy",
    }
}
