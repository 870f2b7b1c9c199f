//! What was recorded and cannot be had in a confidential pod, with the reason.

use serde_json::Value;

use crate::{case::Recorded, node::Node};

/// Pods that are refused when the policy is made: beginning of the name, the node (all if none), part of what is said.
const REFUSED: &[(&str, Option<Node>, &str)] = &[
    // Namespaces of the node are outside the VM.
    ("node/host-spaces", None, "means the host"),
    // The runtime has no such volume for guests.
    ("newer/", None, "an image volume"),
    // A node without the layers cannot look the user up: the pod has to say the numbers.
    ("exec/", Some(Node::Pull), "`app`"),
    ("users/fsgroup-alone", Some(Node::Pull), "`app`"),
    ("users/user-of-image", Some(Node::Pull), "set `securityContext.runAsUser`"),
];

/// Containers that no runtime can start: case and name. They are taken out of pod and recording alike.
const CONTAINERS: &[(&str, &str)] = &[
    // containerd makes `CAP_CAP_SYS_PTRACE` of it, which is no capability.
    ("rights", "prefixed"),
];

/// Mounts that are refused or denied: case, container, place. They are taken out of pod and recording alike.
const MOUNTS: &[(&str, &str, &str)] = &[
    // Parts of an encrypted volume: the runtime would have to mount it first.
    ("volumes", "empty", "/part"),
    ("volumes", "empty", "/named"),
];

/// Variables that are refused: case, container, name.
const VARIABLES: &[(&str, &str, &str)] = &[
    // A label that the pod does not have is more often a mistake than an empty text.
    ("env", "forms", "NO_LABEL"),
    // What the cluster adds is not known when the policy is made.
    ("env", "forms", "KUBERNETES_COPY"),
];

/// Why a pod gets no policy on a node.
pub(crate) fn refusal(recorded: &Recorded, node: Node) -> Option<&'static str> {
    let name = format!("{}/{}", recorded.case(), recorded.pod_name());
    let found = REFUSED.iter().find(|(pod, on, _)| name.starts_with(pod) && on.is_none_or(|on| on == node));
    found.map(|(_, _, why)| *why)
}

/// Whether a container is listed here.
pub(crate) fn is_taken_out(case: &str, container: &str) -> bool {
    CONTAINERS.contains(&(case, container))
}

/// Takes out of a pod specification what is listed here.
pub(crate) fn take_out(case: &str, spec: &mut Value) {
    if let Some(containers) = spec["containers"].as_array_mut() {
        containers.retain(|container| !is_taken_out(case, container["name"].as_str().unwrap()));
    }
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        let name = container["name"].as_str().unwrap().to_owned();
        if let Some(mounts) = container["volumeMounts"].as_array_mut() {
            mounts.retain(|mount| !MOUNTS.contains(&(case, &name, mount["mountPath"].as_str().unwrap())));
        }
        if let Some(variables) = container["env"].as_array_mut() {
            variables
                .retain(|variable| !VARIABLES.contains(&(case, &name, variable["name"].as_str().unwrap())));
        }
    }
}

/// Takes the same out of what was recorded.
pub(crate) fn take_out_of_config(case: &str, container: &str, config: &mut Value) {
    config["mounts"]
        .as_array_mut()
        .unwrap()
        .retain(|mount| !MOUNTS.contains(&(case, container, mount["destination"].as_str().unwrap())));
    config["process"]["env"].as_array_mut().unwrap().retain(|variable| {
        !VARIABLES.contains(&(case, container, variable.as_str().unwrap().split('=').next().unwrap()))
    });
}
