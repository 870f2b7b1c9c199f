//! Capabilities, privileges and kernel settings of a container (Kubernetes API reference, "SecurityContext").

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::Settings;

const ALL: &str = "ALL";

pub(crate) fn is_privileged(container: &Container) -> bool {
    container.security_context.as_ref().and_then(|context| context.privileged).unwrap_or_default()
}

/// All of them are added or dropped first, and then each, as containerd does it: what is added and dropped is dropped. Names with and without their prefix are the same.
pub(crate) fn capabilities(settings: &Settings, container: &Container) -> BTreeSet<String> {
    if is_privileged(container) {
        return settings.privileged_capabilities.clone();
    }
    let asked = container.security_context.as_ref().and_then(|context| context.capabilities.as_ref());
    let names = |list: Option<&Vec<String>>| -> BTreeSet<String> {
        let short = |name: &String| {
            let name = name.to_uppercase();
            name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
        };
        list.into_iter().flatten().map(short).collect()
    };
    let (add, drop) = (
        names(asked.and_then(|asked| asked.add.as_ref())),
        names(asked.and_then(|asked| asked.drop.as_ref())),
    );
    let mut all = if add.contains(ALL) {
        settings.privileged_capabilities.clone()
    } else {
        settings.capabilities.clone()
    };
    if drop.contains(ALL) {
        all.clear();
    }
    all.extend(add.into_iter().filter(|name| name != ALL));
    all.retain(|name| !drop.contains(name));
    all
}

/// Whether all of `/proc` and `/sys` can be seen.
pub(crate) fn is_unmasked(container: &Container) -> bool {
    let kind = container.security_context.as_ref().and_then(|context| context.proc_mount.as_deref());
    is_privileged(container) || kind == Some("Unmasked")
}

/// Kubernetes allows more privileges unless told otherwise; a privileged container has them in any case.
pub(crate) fn no_new_privileges(container: &Container) -> bool {
    let context = container.security_context.as_ref();
    context.and_then(|context| context.allow_privilege_escalation) == Some(false)
}

/// Kernel settings of the pod, and those that the container runtime may add. It gives them to the sandbox.
pub(crate) fn sysctls(settings: &Settings, spec: &PodSpec) -> BTreeMap<String, String> {
    let mut all =
        if spec.host_network.unwrap_or_default() { BTreeMap::new() } else { settings.sysctls.clone() };
    all.extend(own_sysctls(spec));
    all
}

/// Those that the pod asks for.
pub(crate) fn own_sysctls(spec: &PodSpec) -> impl Iterator<Item = (String, String)> {
    let own = spec.security_context.as_ref().and_then(|context| context.sysctls.as_ref());
    own.into_iter().flatten().map(|sysctl| (sysctl.name.clone(), sysctl.value.clone()))
}
