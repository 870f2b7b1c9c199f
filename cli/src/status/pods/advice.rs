//! What to do about pods that wait or are refused.

use crate::status::{CoordinatorState, PodState};

/// The next step for a pod.
pub(super) fn of(state: PodState, reason: &str, coordinator: CoordinatorState) -> Option<String> {
    let said = |words: &str| reason.contains(words);
    let advice = match (state, coordinator) {
        (PodState::Waiting, CoordinatorState::Uninitialised) if said("certificate") => "run `contrast set`",
        (PodState::Waiting, CoordinatorState::Locked) if said("certificate") => "run `contrast recover`",
        (PodState::Waiting, _) if said("contrast set") && !said("contrast recover") => "run `contrast set`",
        (PodState::Waiting, _) if said("cannot be scheduled") => {
            "make room, or look at node selectors, taints and the overhead of the RuntimeClass; `kubectl describe pod` shows more"
        }
        (PodState::Waiting, _) if said("cannot be pulled") => {
            "check the image's name, and whether the nodes reach its registry and may pull from it (imagePullSecrets)"
        }
        (PodState::Waiting, _) if is_without_runtime(reason) => {
            "install the runtime of this platform on that node (deploy/runtime-*.yml), or keep these pods off it"
        }
        (PodState::Waiting, _) if said("cannot be created") => "`kubectl describe pod` shows more",
        (PodState::Refused, _) if said("refused by the present one") => {
            "compare the values above with the manifest; if the pod is right, run `contrast generate` and `contrast set`"
        }
        (PodState::Refused, _) => {
            "the resource was changed after `contrast generate`, or by the cluster: generate, set and apply it again"
        }
        (PodState::Failed, _) if said("Evicted") => {
            "its controller makes another one; look why the node ran out of what is named"
        }
        (PodState::Failed, _) => "`kubectl logs` and `kubectl describe pod` show more",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// Why a controller could not make a pod, and the next step.
pub(in crate::status) fn creation_refused(message: &str) -> (String, Option<String>) {
    let said = |words: &str| message.contains(words);
    let advice = if said("RuntimeClass") && said("not found") {
        "install the runtime of this platform (deploy/runtime-*.yml), which brings its RuntimeClass"
    } else if said("exceeded quota") || said("failed quota") {
        "raise the quota of the namespace, or give the pods' containers the limits that it asks for"
    } else if said("PodSecurity") || said("violates") {
        "these pods need what the policy of the namespace forbids (the Coordinator SYS_ADMIN, others NET_ADMIN): label the \
         namespace pod-security.kubernetes.io/enforce=privileged"
    } else if said("LimitRange") || said("usage per") {
        "adapt the LimitRange of the namespace to the memory of these pods"
    } else if said("annotations") {
        "`contrast generate --initdata` compresses policies"
    } else {
        "`kubectl get events` shows more"
    };
    (format!("no pod can be made: {message}"), Some(advice.to_owned()))
}

/// What containerd and kubelet say where a node lacks a runtime.
fn is_without_runtime(reason: &str) -> bool {
    ["no runtime for", "runtime handler", "RuntimeHandler", "failed to get sandbox runtime"]
        .iter()
        .any(|words| reason.contains(words))
}
