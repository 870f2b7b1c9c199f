//! What is allowed for a container, in plain words.

use super::Section;
use crate::expectation::{Container, Mount, ROOT_HASH, Storage, Text};

/// Everything about a container.
pub(super) fn section(title: &str, container: &Container) -> Section {
    let mut lines = Vec::new();
    if let Some(image) = &container.image {
        lines.push(format!("its image is {image}"));
    }
    lines.push(format!("it runs {}", command(&container.args)));
    for (name, variable) in &container.env {
        let may = if variable.required { "" } else { ", or is missing" };
        lines.push(format!("variable {name} is {}{may}", variable.value));
    }
    if !container.env_patterns.is_empty() {
        lines.push("there may be variables of the cluster's Services".to_owned());
    }
    for (destination, mount) in &container.mounts {
        let may = if mount.required { "" } else { ", or nothing" };
        let forms = mount.forms.iter().map(|form| {
            let options = form.options.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            format!("{} ({}; {options})", form.source, form.kind)
        });
        lines.push(format!("mounted at {destination}: {}{may}", forms.collect::<Vec<_>>().join(" or ")));
    }
    for storage in container.storages.iter().filter(|storage| !is_image(storage)) {
        lines.push(format!(
            "the guest mounts {} by {} at {}{}",
            storage.source,
            storage.driver,
            storage.mount_point,
            root_hash(storage)
                .map(|root| format!(", which has the dm-verity root hash {root}"))
                .unwrap_or_default()
        ));
    }
    for path in container.devices.keys() {
        lines.push(format!("it gets a disk at {path}, as it is"));
    }
    lines.extend(container.members.iter().filter_map(|member| said(&member.path, &member.expected)));
    for set in &container.sets {
        let items = set.items.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let items = if items.is_empty() { "none".to_owned() } else { items };
        lines.extend(match set.path.as_str() {
            "OCI.Process.Capabilities.Bounding" => Some(format!("its capabilities: {items}")),
            "OCI.Process.User.AdditionalGids" => Some(format!("its further groups: {items}")),
            "OCI.Linux.MaskedPaths" => Some(format!("hidden from it, at least: {items}")),
            "OCI.Linux.ReadonlyPaths" => Some(format!("read-only for it, at least: {items}")),
            _ => None,
        });
    }
    for (key, annotation) in &container.annotations {
        let may = if annotation.required { "" } else { ", or is missing" };
        lines.push(format!("annotation {key} is {}{may}", annotation.value));
    }
    for (name, parameter) in &container.sysctls {
        let may = if parameter.required { "" } else { ", or is not asked for" };
        lines.push(format!("kernel parameter {name} is {}{may}", parameter.value));
    }
    lines.extend(
        container.exec.iter().map(|command_| format!("the host may run {} in it", command(command_))),
    );
    if container.exec.is_empty() {
        lines.push("the host may run nothing else in it".to_owned());
    }
    let may = |allowed: bool| if allowed { "may" } else { "may not" };
    lines.push(format!("the host {} read its logs", may(container.logs)));
    lines.push(format!("the host {} write to its input", may(container.stdin)));
    Section { title: title.to_owned(), lines }
}

/// A member in words. `None` for what is the same for every pod: unset, or the host's to choose.
fn said(path: &str, expected: &Text) -> Option<String> {
    let Text::Is(text) = expected else { return None };
    let yes = text == "true";
    Some(match path {
        "OCI.Process.Cwd" => format!("its working directory is {expected}"),
        "OCI.Process.Terminal" => format!("it has {} terminal", if yes { "a" } else { "no" }),
        "OCI.Process.User.UID" => format!("it runs as user {text}"),
        "OCI.Process.User.GID" => format!("it runs with group {text}"),
        "OCI.Process.NoNewPrivileges" => {
            format!("its processes {} gain privileges", if yes { "can never" } else { "may" })
        }
        "OCI.Root.Readonly" => {
            format!("its root file system {}", if yes { "is read-only" } else { "can be written to" })
        }
        "sandbox_pidns" => {
            format!(
                "it {} the processes of the pod's other containers",
                if yes { "sees" } else { "does not see" }
            )
        }
        _ => return None,
    })
}

/// What the blocks of a layer are checked against.
fn root_hash(storage: &Storage) -> Option<&str> {
    storage.options.iter().find_map(|option| match option {
        Text::Is(option) => option.strip_prefix(ROOT_HASH),
        _ => None,
    })
}

fn is_image(storage: &Storage) -> bool {
    storage.driver == Text::from("image_guest_pull")
}

/// What is not fixed in a container.
pub(super) fn open(container: &Container) -> Vec<String> {
    let name = if container.name.is_empty() { "the sandbox" } else { &container.name };
    let mut lines = Vec::new();
    for (variable, expected) in &container.env {
        if let Text::Any(what) = &expected.value {
            lines.push(format!("in {name}, variable {variable} may be any {what}"));
        }
    }
    for path in container.devices.keys() {
        lines.push(format!("in {name}, the host chooses which disk is at {path}, and what is on it"));
    }
    let by_host = |mount: &&Mount| mount.forms.iter().any(|form| matches!(form.source, Text::Matches(_)));
    let shared: Vec<_> =
        container.mounts.iter().filter(|(_, mount)| by_host(mount)).map(|(at, _)| at.as_str()).collect();
    if !shared.is_empty() {
        lines.push(format!("in {name}, the host writes what is at {}", shared.join(", ")));
    }
    if container.logs {
        lines.push(format!("the host reads the logs of {name}"));
    }
    lines
}

/// A command line as a shell would take it, as far as its words are fixed.
fn command(words: &[Text]) -> String {
    let words: Vec<_> = words.iter().map(Text::to_string).collect();
    words.join(" ")
}
