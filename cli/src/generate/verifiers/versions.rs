//! The project's own images are those of this release: parts of two releases need not understand each other.

use contrast_image::Reference;

use super::{Finding, Pods, Severity};
use crate::generate::inject::{OWN_CONTAINERS, Replacements};

pub(super) fn check(pods: &Pods<'_>) -> Vec<Finding> {
    // A development build pins nothing, and goes with whatever there is.
    if Replacements::built_in().is_empty() {
        return Vec::new();
    }
    check_against(pods, env!("CARGO_PKG_VERSION"))
}

/// Tags of the project's own images that are not of this version.
pub(super) fn check_against(pods: &Pods<'_>, version: &str) -> Vec<Finding> {
    let own =
        pods.containers().into_iter().filter(|container| OWN_CONTAINERS.contains(&container.text("name")));
    let findings = own.filter_map(|container| {
        let image: Reference = container.text("image").parse().ok()?;
        let tag = image.tag().filter(|tag| tag.trim_start_matches('v') != version)?;
        let message = format!(
            "container `{}` has version {tag}, and this program {version}; use images and program of one release",
            container.text("name")
        );
        Some(pods.of_container(&container, "image", message).as_(Severity::Error, "versions"))
    });
    findings.collect()
}
