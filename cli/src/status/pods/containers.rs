//! What is wrong with the containers of a pod.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

/// The first thing that is wrong.
pub(super) enum Trouble<'a> {
    /// Its image cannot be had.
    Image(&'a str, &'a str),
    /// A policy does not allow it.
    Denied(&'a str, &'a str),
    /// It cannot be started.
    Start(&'a str, &'a str),
    /// It ended, with an exit code and a message.
    Ended(&'a str, i32, &'a str),
}

/// What a runtime says where a policy denies something.
const DENIALS: [&str; 3] = ["blocked by policy", "denied by policy", "cannot be decided by policy"];

/// Does a message tell of a policy that denied something?
pub(super) fn is_denial(message: &str) -> bool {
    DENIALS.iter().any(|words| message.contains(words))
}

/// What is wrong, init containers first.
pub(super) fn trouble(pod: &Pod) -> Option<Trouble<'_>> {
    let status = pod.status.as_ref()?;
    for status in status.init_container_statuses.iter().flatten() {
        if let Some(trouble) = of_container(status, true) {
            return Some(trouble);
        }
        // What comes after one that is under way is of an earlier life of the pod: its node was restarted.
        if !status.ready && status.state.as_ref().is_some_and(|state| state.running.is_some()) {
            return None;
        }
    }
    status.container_statuses.iter().flatten().find_map(|status| of_container(status, false))
}

/// Do all of its containers run?
pub(super) fn run(pod: &Pod) -> bool {
    let statuses =
        pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let runs = |state: &ContainerState| state.running.is_some() || state.terminated.is_some();
    !statuses.is_empty() && statuses.iter().all(|status| status.state.as_ref().is_some_and(runs))
}

fn of_container(status: &ContainerStatus, init: bool) -> Option<Trouble<'_>> {
    let name = status.name.as_str();
    let state = status.state.as_ref()?;
    if let Some(ended) = state.terminated.as_ref().filter(|ended| ended.exit_code != 0) {
        return Some(ended_ill(name, ended.exit_code, ended.message.as_deref().unwrap_or_default()));
    }
    // One that ended well is at fault only if it should go on.
    let waiting = state.waiting.as_ref()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    match waiting.reason.as_deref()? {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => Some(Trouble::Image(name, message)),
        "CreateContainerError"
        | "CreateContainerConfigError"
        | "RunContainerError"
        | "PreCreateHookError"
        | "PreStartHookError"
        | "PostStartHookError"
            if is_denial(message) =>
        {
            Some(Trouble::Denied(name, message))
        }
        "CreateContainerError"
        | "CreateContainerConfigError"
        | "RunContainerError"
        | "PreCreateHookError"
        | "PreStartHookError"
        | "PostStartHookError" => Some(Trouble::Start(name, message)),
        "CrashLoopBackOff" => {
            let last = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
            let (code, said) =
                last.map_or((0, ""), |last| (last.exit_code, last.message.as_deref().unwrap_or_default()));
            (!init || code != 0).then(|| {
                ended_ill(name, code, if said.is_empty() { "it ends again and again" } else { said })
            })
        }
        _ => None,
    }
}

fn ended_ill<'a>(name: &'a str, code: i32, message: &'a str) -> Trouble<'a> {
    if is_denial(message) { Trouble::Denied(name, message) } else { Trouble::Ended(name, code, message) }
}
