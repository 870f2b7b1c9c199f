//! What a workload needs to be a confidential pod of the deployment: the Initializer, the service mesh, the runtime class, pinned
//! images, and what a Coordinator is told.
//!
//! Doing it twice is the same as doing it once. What a user wrote by hand stays.

mod annotations;
mod container;
mod coordinator;
mod encrypted_volume;
mod initializer;
mod replacements;
mod service_mesh;
mod staying;
mod volumes;

use contrast_resources::Step;
use serde_json::Value;

pub(crate) use self::{
    annotations::{Annotations, EGRESS_KEY as EGRESS, NAMES as ANNOTATIONS, PREFIX, Role, is_coordinator},
    replacements::{Replacements, ReplacementsError},
};
use super::{
    finding::Finding,
    platform::Platform,
    resources::{Resources, Workload},
};

/// Names of the project's own containers.
pub(crate) const OWN_CONTAINERS: [&str; 3] = [initializer::NAME, service_mesh::NAME, coordinator::NAME];

/// What to put into workloads.
pub(crate) struct Injection<'a> {
    /// Pinned images.
    pub(crate) replacements: &'a Replacements,
    /// Where Initializers find the Coordinator, unless somebody wrote another host there.
    pub(crate) coordinator_host: &'a str,
    /// No Initializer for any workload.
    pub(crate) skip_initializer: bool,
    /// No service mesh for any workload.
    pub(crate) skip_service_mesh: bool,
    /// Value of `CONTRAST_INITIAL_OWNERS` for Coordinators that have none.
    pub(crate) initial_owners: Option<&'a str>,
    /// Whether this workspace knows of no manifest that was set, so that the first is still to come.
    pub(crate) is_first: bool,
    /// Value of `CONTRAST_COLLATERAL_PROXY` for Coordinators and Initializers that have none.
    pub(crate) collateral_proxy: Option<&'a str>,
}

/// Something in a pod template that cannot be changed as it has to be.
struct Fault {
    path: Vec<Key>,
    message: String,
}

/// A step in a pod template.
enum Key {
    Member(String),
    Item(usize),
}

impl Injection<'_> {
    /// Puts everything into one workload, whose pods run on `platform` with the runtime of this handler. Gives what a user should know.
    pub(crate) fn put_into(
        &self,
        resources: &mut Resources,
        workload: &Workload,
        platform: Platform,
        handler: &str,
    ) -> Result<Vec<String>, Vec<Finding>> {
        let annotations = Annotations::of(resources, workload)?;
        let mut notes = Vec::new();
        let Some(template) = resources.template_mut(workload) else { return Ok(notes) };
        let before = template.clone();
        let put = match annotations.role {
            Role::Coordinator => coordinator::put(template, self, platform, &mut notes),
            Role::Workload => self.put_into_workload(template, &annotations, platform, &mut notes),
        };
        if let Err(fault) = put {
            *template = before;
            let path: Vec<_> = fault.path.iter().map(Key::step).collect();
            return Err(vec![resources.finding_at(workload, &path, fault.message)]);
        }
        self.replacements.put(template);
        if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("runtimeClassName".to_owned(), handler.into());
        }
        Ok(notes)
    }

    fn put_into_workload(
        &self,
        template: &mut Value,
        annotations: &Annotations,
        platform: Platform,
        notes: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let with_mesh = annotations.mesh.is_some() && !self.skip_service_mesh;
        if !self.skip_initializer && !annotations.skip_initializer {
            let opens_network = platform.blocks_incoming() && !with_mesh;
            initializer::put(template, self, annotations, (platform, opens_network), notes)?;
        } else if initializer::is_in(template) {
            notes.push(format!(
                "it is to have no Initializer, and has `{}`, which stays; take it out of `initContainers` if an earlier run put it there",
                initializer::NAME
            ));
        }
        match annotations.mesh.as_ref().filter(|_| with_mesh) {
            Some(mesh) => service_mesh::put(template, self, mesh),
            None => service_mesh::remove(template, notes),
        }
    }
}

impl Fault {
    fn new(path: &[&str], message: impl Into<String>) -> Self {
        let path = path.iter().map(|key| Key::Member((*key).to_owned())).collect();
        Self { path, message: message.into() }
    }
}

impl Key {
    fn step(&self) -> Step<'_> {
        match self {
            Self::Member(name) => Step::Key(name),
            Self::Item(index) => Step::Item(*index),
        }
    }
}

#[cfg(test)]
mod tests;
