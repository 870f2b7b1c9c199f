//! Pods: what their state means for a deployment.

mod advice;
mod containers;

use std::collections::BTreeMap;

use contrast_manifest::Role;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod as ApiPod};

pub(super) use advice::creation_refused;
use containers::Trouble;

use super::{CoordinatorState, Pod, PodState, events::Events};
use crate::{
    generate::platform::{is_confidential, is_simulated},
    policies,
};

/// The container that fetches the pod's certificate.
pub(super) const INITIALIZER: &str = "contrast-initializer";
/// Says which pods belong to a deployment, also where something took their runtime class away.
const ROLE_ANNOTATION: &str = "contrast.edgeless.systems/pod-role";

/// What a pod's annotation says of its policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Digest {
    /// SHA-256 of the document.
    Of([u8; 32]),
    /// There is none.
    Absent,
    /// It cannot be read.
    Broken,
}

/// What pods are judged with.
pub(super) struct Look<'a> {
    pub(super) events: &'a Events<'a>,
    pub(super) logs: &'a BTreeMap<String, String>,
    pub(super) coordinator: CoordinatorState,
}

/// Should it be confidential? `digest`: of its policy.
pub(super) fn is_ours(pod: &ApiPod, digest: Digest) -> bool {
    let annotations = pod.metadata.annotations.as_ref();
    is_confidential(class(pod))
        || digest != Digest::Absent
        || annotations
            .and_then(|annotations| annotations.get(ROLE_ANNOTATION))
            .is_some_and(|role| role == "coordinator")
}

/// Its policy. Unpacks and hashes all of it.
pub(super) fn digest(pod: &ApiPod) -> Digest {
    match pod.metadata.annotations.as_ref().and_then(policies::digest) {
        Some(Ok(digest)) => Digest::Of(digest),
        Some(Err(_)) => Digest::Broken,
        None => Digest::Absent,
    }
}

/// Whether the log of its Initializer says something that nothing else says: `Some(true)`, if it is that of the run before.
pub(super) fn log_to_read(pod: &ApiPod) -> Option<bool> {
    let state = initializer(pod)?.state.as_ref()?;
    let renewing = initializer(pod)?.started == Some(true) && is_sidecar(pod);
    if state.running.is_some() && !renewing {
        return Some(false);
    }
    let ended_ill = |exit: i32| exit != 0;
    if state.terminated.as_ref().is_some_and(|ended| ended_ill(ended.exit_code)) {
        return Some(false);
    }
    (state.waiting.as_ref()?.reason.as_deref() == Some("CrashLoopBackOff")).then_some(true)
}

impl Look<'_> {
    /// A pod that the manifest lists.
    pub(super) fn judge(&self, pod: &ApiPod, role: Role) -> Pod {
        let (state, reason) = self.state(pod, role);
        let advice = reason.as_deref().and_then(|reason| advice::of(state, reason, self.coordinator));
        view(pod, state, reason, advice)
    }

    /// A pod that should be confidential, and that the manifest does not list.
    pub(super) fn stranger(&self, pod: &ApiPod, digest: Digest, there_is_a_manifest: bool) -> Pod {
        if is_over(pod) {
            return view(pod, PodState::Ended, None, None);
        }
        let (reason, advice) = match digest {
            Digest::Absent => (
                "it has no policy, so that no Coordinator gives it a certificate",
                "run `contrast generate` over its resource file, and apply what comes out",
            ),
            Digest::Broken => (
                "the annotation with its policy cannot be read",
                "run `contrast generate` over its resource file, and apply what comes out",
            ),
            Digest::Of(_) if there_is_a_manifest => (
                "its policy is not in the manifest: the Coordinator gives it no certificate",
                "if it is yours, run `contrast generate` and `contrast set`, and apply what comes out; an older pod goes with its rollout",
            ),
            Digest::Of(_) => {
                let (state, reason) = self.state(pod, Role::Workload);
                return view(pod, state, reason, None);
            }
        };
        view(pod, PodState::Refused, Some(reason.to_owned()), Some(advice.to_owned()))
    }

    fn state(&self, pod: &ApiPod, role: Role) -> (PodState, Option<String>) {
        let status = pod.status.as_ref();
        if pod.metadata.deletion_timestamp.is_some() {
            return (PodState::Ended, Some("is being deleted".to_owned()));
        }
        match status.and_then(|status| status.phase.as_deref()) {
            Some("Succeeded") => return (PodState::Ended, None),
            Some("Failed") => {
                let said = status.map(|status| [&status.reason, &status.message]).into_iter().flatten();
                let said: Vec<_> = said.flatten().cloned().collect();
                return (PodState::Failed, Some(format!("the pod has failed: {}", said.join(": "))));
            }
            _ => {}
        }
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let unscheduled = conditions.iter().find(|it| it.type_ == "PodScheduled" && it.status == "False");
        if let Some(condition) = unscheduled {
            let why = condition.message.clone().unwrap_or_default();
            return (PodState::Waiting, Some(format!("cannot be scheduled: {why}")));
        }
        if let Some(trouble) = containers::trouble(pod) {
            return self.troubled(pod, trouble);
        }
        self.progress(pod, role)
    }

    fn troubled(&self, pod: &ApiPod, trouble: Trouble<'_>) -> (PodState, Option<String>) {
        match trouble {
            Trouble::Image(container, message) => {
                (PodState::Waiting, Some(format!("the image of {container} cannot be pulled: {message}")))
            }
            Trouble::Denied(container, message) => {
                (PodState::Refused, Some(format!("its policy does not allow {container}: {message}")))
            }
            Trouble::Start(container, message) => {
                (PodState::Failed, Some(format!("{container} cannot be started: {message}")))
            }
            Trouble::Ended(INITIALIZER, code, _) => match self.log(pod) {
                Some(Waits { refused: true, text }) => (PodState::Refused, Some(text)),
                Some(Waits { text, .. }) => (PodState::Failed, Some(text)),
                None => (PodState::Failed, Some(format!("the Initializer has ended with exit code {code}"))),
            },
            Trouble::Ended(container, code, message) => {
                let message = if message.is_empty() { String::new() } else { format!(": {message}") };
                (PodState::Failed, Some(format!("{container} ended with exit code {code}{message}")))
            }
        }
    }

    /// Nothing is wrong with its containers, as far as its status knows: events come earlier.
    fn progress(&self, pod: &ApiPod, role: Role) -> (PodState, Option<String>) {
        let (name, uid) = (pod.metadata.name.as_deref().unwrap_or_default(), pod.metadata.uid.as_deref());
        let failed = self.events.of_pod(name, uid, &["Failed"]).filter(|said| containers::is_denial(said));
        if let Some(message) = failed.filter(|_| !is_ready(pod)) {
            return (PodState::Refused, Some(format!("its policy does not allow it: {message}")));
        }
        let has_initializer = role == Role::Workload
            && pod.spec.as_ref().is_some_and(|spec| {
                spec.init_containers.iter().flatten().any(|container| container.name == INITIALIZER)
            });
        let state = initializer(pod).and_then(|status| status.state.as_ref());
        if has_initializer {
            let done =
                state.is_some_and(|state| state.terminated.as_ref().is_some_and(|it| it.exit_code == 0));
            let renews =
                is_sidecar(pod) && initializer(pod).is_some_and(|status| status.started == Some(true));
            if done || renews {
                return self.settled(pod, PodState::Certified);
            }
            if state.is_some_and(|state| state.running.is_some()) {
                return self.uncertified(pod);
            }
        } else if containers::run(pod) {
            return self.settled(pod, PodState::Running);
        }
        let reasons = ["FailedCreatePodSandBox", "FailedMount", "FailedAttachVolume"];
        let found = self.events.of_pod(name, uid, &reasons);
        match found {
            Some(message) if containers::is_denial(message) => {
                (PodState::Refused, Some(format!("the pod is refused: {message}")))
            }
            Some(message) => (PodState::Waiting, Some(format!("cannot be created: {message}"))),
            None => (PodState::Waiting, Some("is being created".to_owned())),
        }
    }

    /// Its Initializer runs, and has no certificate.
    fn uncertified(&self, pod: &ApiPod) -> (PodState, Option<String>) {
        let reason = match self.coordinator {
            CoordinatorState::Uninitialised => "waits for a certificate: the Coordinator has no manifest",
            CoordinatorState::Locked => "waits for a certificate: the Coordinator is locked",
            _ => match self.log(pod) {
                Some(Waits { refused: true, text }) => return (PodState::Refused, Some(text)),
                Some(Waits { text, .. }) => return (PodState::Waiting, Some(text)),
                None => "waits for a certificate of the Coordinator",
            },
        };
        (PodState::Waiting, Some(reason.to_owned()))
    }

    /// What its Initializer said last.
    fn log(&self, pod: &ApiPod) -> Option<Waits> {
        Waits::read(self.logs.get(pod.metadata.name.as_deref()?)?)
    }

    /// It has come to this state. Why it is not ready, if it is not: a policy may deny the command of a probe.
    fn settled(&self, pod: &ApiPod, state: PodState) -> (PodState, Option<String>) {
        if is_ready(pod) {
            return (state, None);
        }
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        match self.events.of_pod(name, pod.metadata.uid.as_deref(), &["Unhealthy"]) {
            Some(said) if containers::is_denial(said) => {
                (PodState::Refused, Some(format!("its policy does not allow a probe: {said}")))
            }
            Some(said) => (state, Some(format!("is not ready: {said}"))),
            None => (state, Some("is not ready yet".to_owned())),
        }
    }
}

/// What an Initializer waits for.
struct Waits {
    /// The Coordinator refuses it.
    refused: bool,
    text: String,
}

impl Waits {
    /// The last complaint of a log, with the lines below it.
    fn read(log: &str) -> Option<Self> {
        /// What begins a complaint, and what the Initializer says when it is a refusal.
        const BEGIN: [&str; 2] = ["waiting for ", "Error: "];
        const REFUSED: &str = "refused by the present one";
        /// More of its lines are not repeated.
        const MOST: usize = 8;
        let lines: Vec<&str> = log.lines().collect();
        let begin = |line: &str| BEGIN.iter().any(|begin| line.contains(begin));
        let at = lines.iter().rposition(|line| begin(line))?;
        let end = |line: &&&str| !line.contains("next attempt in ");
        let block: Vec<_> =
            lines.iter().skip(at).take_while(end).take(MOST).map(|line| message(line)).collect();
        let text = block.join("\n");
        Some(Self { refused: text.contains(REFUSED), text })
    }
}

/// A line of a log, without its time, level and module.
fn message(line: &str) -> &str {
    for level in [" WARN ", " INFO ", " ERROR "] {
        if let Some((_, rest)) = line.split_once(level) {
            return rest.split_once(": ").map_or(rest, |(_, message)| message).trim_end();
        }
    }
    line.trim_end()
}

fn view(pod: &ApiPod, state: PodState, reason: Option<String>, advice: Option<String>) -> Pod {
    let status = pod.status.as_ref();
    let containers = status.map(|status| [&status.init_container_statuses, &status.container_statuses]);
    let containers = containers.into_iter().flatten().flatten().flatten();
    Pod {
        name: pod.metadata.name.clone().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        state,
        ready: is_ready(pod),
        simulated: is_simulated(class(pod)),
        restarts: containers.map(|container| container.restart_count).fold(0, i32::saturating_add),
        reason,
        advice,
    }
}

fn class(pod: &ApiPod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.runtime_class_name.as_deref()).unwrap_or_default()
}

fn initializer(pod: &ApiPod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.init_container_statuses.as_deref()?;
    statuses.iter().find(|status| status.name == INITIALIZER)
}

/// Does its Initializer stay?
fn is_sidecar(pod: &ApiPod) -> bool {
    let containers = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
    let initializer = containers.iter().find(|container| container.name == INITIALIZER);
    initializer.is_some_and(|container| container.restart_policy.as_deref() == Some("Always"))
}

fn is_ready(pod: &ApiPod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn is_over(pod: &ApiPod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed"))
}
