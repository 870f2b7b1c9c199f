//! What is wrong, or worth knowing, with resources that could be made ready all the same: one file for each rule.

mod annotations;
mod cluster;
mod images;
mod mesh;
mod processors;
mod versions;
mod volumes;

use contrast_resources::Step;
use serde_json::Value;

use super::{
    finding::{Finding, Severity},
    platform::Platform,
    resources::{Resources, Workload},
};

/// A workload's pods, as the rules see them.
pub(crate) struct Pods<'a> {
    /// Where they stand.
    pub(crate) resources: &'a Resources,
    /// What makes them.
    pub(crate) workload: &'a Workload,
    /// Where they run.
    pub(crate) platform: Platform,
}

/// What can be said of resources as they came in.
pub(crate) fn before(pods: &Pods<'_>) -> Vec<Finding> {
    [annotations::check(pods), mesh::check(pods), processors::check(pods)].concat()
}

/// What can be said of resources that everything was put into.
pub(crate) fn after(pods: &Pods<'_>) -> Vec<Finding> {
    [images::check(pods), volumes::check(pods), versions::check(pods), cluster::check(pods)].concat()
}

/// A container, and where it stands.
struct Container<'a> {
    list: &'static str,
    index: usize,
    value: &'a Value,
}

impl<'a> Pods<'a> {
    fn spec(&self) -> Option<&'a Value> {
        self.resources.template(self.workload)?.get("spec")
    }

    /// Init containers, and then the others.
    fn containers(&self) -> Vec<Container<'a>> {
        let all = |list| {
            let containers = self.spec().and_then(|spec| spec.get(list)).and_then(Value::as_array);
            containers.into_iter().flatten().enumerate().map(move |(index, value)| Container {
                list,
                index,
                value,
            })
        };
        all("initContainers").chain(all("containers")).collect()
    }

    fn finding(&self, path: &[Step<'_>], message: String) -> Finding {
        self.resources.finding_at(self.workload, path, message)
    }

    /// Something about a container.
    fn of_container(&self, container: &Container<'_>, member: &str, message: String) -> Finding {
        let path =
            [Step::Key("spec"), Step::Key(container.list), Step::Item(container.index), Step::Key(member)];
        self.finding(&path, message)
    }
}

impl Container<'_> {
    fn text(&self, member: &str) -> &str {
        self.value.get(member).and_then(Value::as_str).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
