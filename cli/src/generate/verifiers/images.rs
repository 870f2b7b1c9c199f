//! Every image is named by its digest: a tag can mean another image tomorrow.

use super::{Finding, Pods, Severity};

pub(super) fn check(pods: &Pods<'_>) -> Vec<Finding> {
    let unpinned = |image: &str| !image.contains("@sha256:");
    let containers = pods.containers().into_iter().filter(|container| unpinned(container.text("image")));
    let finding = |container| {
        let (name, image) = (container_name(&container), container.text("image"));
        let message = if image.is_empty() {
            format!("container `{name}` names no image; name one by its digest (`NAME:TAG@sha256:…`)")
        } else {
            format!(
                "the image `{image}` of container `{name}` is not pinned; name it by its digest (`NAME:TAG@sha256:…`), or pin it with --image-replacements"
            )
        };
        pods.of_container(&container, "image", message).as_(Severity::Error, "images")
    };
    containers.map(finding).collect()
}

fn container_name<'a>(container: &'a super::Container<'_>) -> &'a str {
    container.text("name")
}
