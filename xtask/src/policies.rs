//! `cargo xtask embed-policies`: keeps the annotations of the demo resources equal to the policy files.
//!
//! The agent policy of the workload in `deploy/demo/NAME.yml` is `deploy/demo/policies/NAME.rego`. Kubernetes wants
//! it as base64 in an annotation; people want to read it. So the file is what is edited, the annotation follows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{base64, failure::Failure, workspace};

/// Annotation of a pod (template) whose value is the base64 of the policy text (Kata Containers).
const ANNOTATION: &str = "io.katacontainers.config.agent.policy:";

/// Writes the annotations, or only compares them if `check` is set.
///
/// # Errors
/// When a file cannot be read or written, a policy has no resource or the reverse, or `check` finds a difference.
pub(crate) fn run(check: bool) -> Result<(), Failure> {
    let folder = workspace::root().join("deploy/demo");
    let policies = with_extension(&folder.join("policies"), "rego")?;
    let mut broken = without_policy(&folder, &policies)?;
    for policy in policies {
        let resource = folder.join(policy.with_extension("yml").file_name().unwrap_or_default());
        let before = workspace::read(&resource)?;
        let text = fs::read(&policy).map_err(Failure::reading(&policy))?;
        match embed(&before, &text) {
            None => broken.push(format!(
                "{} does not have exactly one annotation `{ANNOTATION}` for {}",
                workspace::shown(&resource),
                workspace::shown(&policy)
            )),
            Some(after) if after == before => {}
            Some(_) if check => broken.push(format!(
                "the annotation in {} differs from {}",
                workspace::shown(&resource),
                workspace::shown(&policy)
            )),
            Some(after) => {
                fs::write(&resource, after).map_err(Failure::writing(&resource))?;
                println!("wrote {}", workspace::shown(&resource));
            }
        }
    }
    if broken.is_empty() {
        Ok(())
    } else {
        let remedy =
            "`cargo xtask embed-policies` writes deploy/demo/policies/NAME.rego into deploy/demo/NAME.yml.";
        Err(Failure::Rules { broken, remedy })
    }
}

/// One line for each resource with the annotation that no policy file belongs to.
fn without_policy(folder: &Path, policies: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for resource in with_extension(folder, "yml")? {
        let known = policies.iter().any(|policy| policy.file_stem() == resource.file_stem());
        if !known && workspace::read(&resource)?.contains(ANNOTATION) {
            lines.push(format!("{} has a policy that is in no file", workspace::shown(&resource)));
        }
    }
    Ok(lines)
}

fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut files = workspace::list(folder)?;
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    Ok(files)
}

/// The resource with the policy in its annotation; nothing unless there is exactly one place for it.
fn embed(resource: &str, policy: &[u8]) -> Option<String> {
    let is_annotation = |line: &&str| line.trim_start().starts_with(ANNOTATION);
    if resource.lines().filter(is_annotation).count() != 1 {
        return None;
    }
    let mut text = String::with_capacity(resource.len());
    for line in resource.lines() {
        if let Some((indent, _)) = line.split_once(ANNOTATION).filter(|_| is_annotation(&line)) {
            text.push_str(&format!("{indent}{ANNOTATION} {}\n", base64::encode(policy)));
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: &str =
        "metadata:\n  annotations:\n    io.katacontainers.config.agent.policy: old\nspec: {}\n";

    #[test]
    fn only_the_value_of_the_annotation_changes() {
        let expected = RESOURCE.replace("old", "Zm9v");
        assert_eq!(embed(RESOURCE, b"foo").unwrap(), expected);
        assert_eq!(embed(&expected, b"foo").unwrap(), expected);
    }

    #[test]
    fn a_resource_without_the_annotation_or_with_two_is_refused() {
        assert_eq!(embed("spec: {}\n", b"foo"), None);
        assert_eq!(embed(&RESOURCE.repeat(2), b"foo"), None);
    }
}
