//! Which line of a resource an expectation of its policy comes from.

#[cfg(test)]
mod tests;

use std::rc::Rc;

use contrast_policy::Subject;
use contrast_resources::{Address, File, Place, Step, WorkloadKind};
use serde_json::Value;

/// A pod, or what makes pods, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The file.
    pub(super) file: Rc<File>,
    /// The object in it.
    pub(super) address: Address,
    /// What the object is.
    pub(super) kind: WorkloadKind,
}

/// A place in a resource, as people and as machines name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// File, line and column.
    pub(super) place: Place,
    /// Path in the object, such as `spec.template.spec.containers[0].args[1]`.
    pub(super) path: String,
}

/// A step that is owned.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Key(String),
    Item(usize),
}

impl Origin {
    /// The line that an expectation about a container, or about the pod, comes from: the most special thing in the
    /// pod's description that says something about it.
    pub(super) fn line(&self, container: Option<&str>, subject: &Subject) -> Option<Line> {
        let values: Vec<Value> =
            self.file.documents().iter().map(|document| document.value().clone()).collect();
        let object = self.address.of(&values)?;
        let mut path: Vec<Part> =
            self.kind.template_path().iter().map(|key| Part::Key((*key).to_owned())).collect();
        let template = self.kind.template(object)?;
        let within = of_container(template, container)
            .and_then(|(list, index, container)| {
                let base = keys(&["spec", list]).into_iter().chain([Part::Item(index)]);
                let rest = in_container(container, subject)?;
                Some(base.chain(rest).collect::<Vec<_>>())
            })
            .or_else(|| in_pod(template, subject))
            .or_else(|| {
                let (list, index, _) = of_container(template, container)?;
                Some(keys(&["spec", list]).into_iter().chain([Part::Item(index)]).collect())
            });
        path.extend(within.unwrap_or_else(|| keys(&["spec"])));
        let steps: Vec<Step<'_>> = path
            .iter()
            .map(|part| match part {
                Part::Key(key) => Step::Key(key),
                Part::Item(index) => Step::Item(*index),
            })
            .collect();
        Some(Line { place: self.address.place(&self.file, &steps)?, path: written(&path) })
    }
}

fn of_container<'a>(template: &'a Value, name: Option<&str>) -> Option<(&'static str, usize, &'a Value)> {
    let name = name?;
    ["initContainers", "containers"].into_iter().find_map(|list| {
        let containers = template.get("spec")?.get(list)?.as_array()?;
        let index = containers.iter().position(|container| is(container, "name", name))?;
        Some((list, index, containers.get(index)?))
    })
}

/// What in a container speaks about a subject.
fn in_container(container: &Value, subject: &Subject) -> Option<Vec<Part>> {
    let image = || Some(keys(&["image"]));
    match subject {
        Subject::Argument(index) => argument(container, *index).or_else(image),
        Subject::Variable(name) => {
            item(container, "env", "name", name).or_else(|| first(container, &[&["envFrom"]])).or_else(image)
        }
        Subject::WorkingDirectory => first(container, &[&["workingDir"]]).or_else(image),
        Subject::Terminal => first(container, &[&["tty"], &["stdin"]]),
        Subject::User => {
            first(container, &[&["securityContext", "runAsUser"], &["securityContext", "runAsGroup"]])
        }
        Subject::Privileges => first(
            container,
            &[
                &["securityContext", "capabilities"],
                &["securityContext", "privileged"],
                &["securityContext", "allowPrivilegeEscalation"],
            ],
        ),
        Subject::RootFileSystem => first(container, &[&["securityContext", "readOnlyRootFilesystem"]]),
        Subject::Mount(destination) => item(container, "volumeMounts", "mountPath", destination)
            .or_else(|| first(container, &[&["volumeMounts"]])),
        Subject::Device(path) => item(container, "volumeDevices", "devicePath", path),
        Subject::Image | Subject::Storage(_) => image(),
        Subject::Exec => {
            first(container, &[&["lifecycle"], &["livenessProbe"], &["readinessProbe"], &["startupProbe"]])
        }
        Subject::Resources => first(container, &[&["resources"]]),
        Subject::Container => Some(keys(&["name"])),
        _ => None,
    }
}

/// What in the pod speaks about a subject.
fn in_pod(template: &Value, subject: &Subject) -> Option<Vec<Part>> {
    match subject {
        Subject::PodName => first(template, &[&["metadata", "name"], &["metadata", "generateName"]]),
        Subject::Namespace => first(template, &[&["metadata", "namespace"]]),
        Subject::Annotation(key) => first(template, &[&["metadata", "annotations", key.as_str()]]),
        Subject::User | Subject::Privileges => first(template, &[&["spec", "securityContext"]]),
        Subject::Sysctl(name) => {
            let rest = item(template.get("spec")?.get("securityContext")?, "sysctls", "name", name)?;
            Some(keys(&["spec", "securityContext"]).into_iter().chain(rest).collect())
        }
        Subject::Namespaces => {
            first(template, &[&["spec", "hostNetwork"], &["spec", "shareProcessNamespace"]])
        }
        _ => None,
    }
}

/// The word of a command line: commands come before arguments.
fn argument(container: &Value, index: usize) -> Option<Vec<Part>> {
    let words = |key: &str| container.get(key).and_then(Value::as_array).filter(|words| !words.is_empty());
    let at = |key: &str, index: usize| {
        let last = words(key).map_or(0, |words| words.len().saturating_sub(1));
        vec![Part::Key(key.to_owned()), Part::Item(index.min(last))]
    };
    match (words("command"), words("args")) {
        (Some(command), _) if index < command.len() => Some(at("command", index)),
        (Some(command), Some(_)) => Some(at("args", index - command.len())),
        (Some(_), None) => Some(at("command", index)),
        // The image's entry point comes before; how long it is, the resource does not say.
        (None, Some(_)) => Some(keys(&["args"])),
        (None, None) => None,
    }
}

/// The item of a list whose member has this value.
fn item(of: &Value, list: &str, member: &str, value: &str) -> Option<Vec<Part>> {
    let index = of.get(list)?.as_array()?.iter().position(|item| is(item, member, value))?;
    Some(vec![Part::Key(list.to_owned()), Part::Item(index)])
}

/// The first of some paths that is there.
fn first(of: &Value, paths: &[&[&str]]) -> Option<Vec<Part>> {
    let is_there = |path: &&&[&str]| path.iter().try_fold(of, |value, key| value.get(key)).is_some();
    paths.iter().find(is_there).map(|path| keys(path))
}

fn is(of: &Value, member: &str, value: &str) -> bool {
    of.get(member).and_then(Value::as_str) == Some(value)
}

fn keys(path: &[&str]) -> Vec<Part> {
    path.iter().map(|key| Part::Key((*key).to_owned())).collect()
}

fn written(path: &[Part]) -> String {
    let mut text = String::new();
    for part in path {
        match part {
            Part::Key(key) if key.contains(['.', '/']) => text.push_str(&format!("[{key:?}]")),
            Part::Key(key) if text.is_empty() => text.push_str(key),
            Part::Key(key) => text.push_str(&format!(".{key}")),
            Part::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
