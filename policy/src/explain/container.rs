//! What is allowed for a container, in plain words.

use super::Section;
use crate::expectation::{Container, Text};

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
    lines.extend(container.env_patterns.iter().map(|pattern| format!("there may be variables: {pattern}")));
    for (destination, mount) in &container.mounts {
        let may = if mount.required { "" } else { ", or nothing" };
        let forms = mount.forms.iter().map(|form| {
            let options = form.options.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            format!("{} ({}; {options})", form.source, form.kind)
        });
        lines.push(format!("mounted at {destination}: {}{may}", forms.collect::<Vec<_>>().join(" or ")));
    }
    for storage in &container.storages {
        lines.push(format!(
            "the guest mounts {} by {} at {}",
            storage.source, storage.driver, storage.mount_point
        ));
    }
    lines.extend(container.members.iter().map(|member| format!("{} is {}", member.path, member.expected)));
    for set in &container.sets {
        let items: Vec<_> = set.items.iter().map(String::as_str).collect();
        let items = if items.is_empty() { "empty".to_owned() } else { items.join(", ") };
        lines.push(format!("{} is {items}", set.path));
    }
    for (key, annotation) in &container.annotations {
        let may = if annotation.required { "" } else { ", or is missing" };
        lines.push(format!("annotation {key} is {}{may}", annotation.value));
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

/// What is not fixed in a container.
pub(super) fn open(container: &Container) -> Vec<String> {
    let name = if container.name.is_empty() { "the sandbox" } else { &container.name };
    let mut lines = Vec::new();
    for (variable, expected) in &container.env {
        if let Text::Any(what) = &expected.value {
            lines.push(format!("in {name}, variable {variable} may be any {what}"));
        }
    }
    for pattern in &container.env_patterns {
        lines.push(format!("in {name}, there may be variables: {pattern}"));
    }
    for (destination, mount) in &container.mounts {
        for form in &mount.forms {
            if let Text::Any(what) = &form.source {
                lines.push(format!("in {name}, {destination} may be any {what}"));
            }
        }
    }
    for member in &container.members {
        if let Text::Any(what) = &member.expected {
            lines.push(format!("in {name}, {} may be any {what}", member.path));
        }
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
