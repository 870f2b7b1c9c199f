//! Containers of the project's own in a pod.

use contrast_image::Reference;
use serde_json::{Map, Value, json};

use super::Fault;

/// A container that is put into pods.
pub(super) struct Own {
    /// What it is like, complete.
    pub(super) container: Value,
    /// Its image, pinned where that is known.
    pub(super) pinned: String,
    /// Variables that are only set by this program: one that is not in [`Self::container`] is taken away.
    pub(super) variables: &'static [&'static str],
}

/// Where a program's evidence comes from: set on platforms where it does not find out by itself.
pub(super) const ATTESTER: &str = "CONTRAST_ATTESTER";
/// Its value on the simulated platform, which is never found, only chosen.
pub(super) const SIMULATED: &str = "simulated";

/// Memory of such a container, request and limit.
pub(super) fn memory(amount: &str) -> Value {
    json!({ "requests": { "memory": amount }, "limits": { "memory": amount } })
}

/// What [`memory`] is called with.
pub(super) const USUAL_MEMORY: [&str; 2] = ["50Mi", "100Mi"];

/// Sets a member of an object.
pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// A list in a pod's specification, made if it is not there.
pub(super) fn list<'v>(template: &'v mut Value, name: &str) -> Result<&'v mut Vec<Value>, Fault> {
    let wrong = || Fault::new(&["spec", name], format!("`{name}` is no list"));
    let spec = template.get_mut("spec").and_then(Value::as_object_mut).ok_or_else(wrong)?;
    let value = spec.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = json!([]);
    }
    value.as_array_mut().ok_or_else(wrong)
}

impl Own {
    /// The container as it should be where `found` stands. What was put there before is put there anew; what a user wrote stays, and
    /// gets what it lacks.
    pub(super) fn in_place_of(&self, found: &Value) -> Value {
        let mut new = if self.was_put(found) { self.container.clone() } else { self.completed(found) };
        let Some(members) = new.as_object_mut() else { return new };
        if let Some(image) = found.get("image").and_then(Value::as_str).filter(|image| !self.is_image(image))
        {
            members.insert("image".to_owned(), image.into());
        }
        if let Some(name) = found.get("name") {
            members.insert("name".to_owned(), name.clone());
        }
        let is_usual = |resources: &&Value| USUAL_MEMORY.iter().any(|amount| **resources == memory(amount));
        if let Some(resources) = found.get("resources").filter(|resources| !is_usual(resources)) {
            members.insert("resources".to_owned(), resources.clone());
        }
        for variable in variables(found) {
            if !self.is_managed(variable) {
                set_variable(members, variable);
            }
        }
        new
    }

    /// Whether a container has nothing that this program does not put there.
    pub(super) fn was_put(&self, found: &Value) -> bool {
        let Some(members) = found.as_object() else { return false };
        members.iter().all(|(name, value)| match name.as_str() {
            "name" | "image" | "resources" | "volumeMounts" | "volumeDevices" | "restartPolicy" | "ports" => {
                true
            }
            "env" => variables(found).all(|variable| {
                let name = name_of(variable);
                self.is_managed(variable) || variables(&self.container).any(|own| name_of(own) == name)
            }),
            "securityContext" | "startupProbe" | "readinessProbe" => {
                value.as_object().is_some_and(|value| value.keys().all(|key| KNOWN.contains(&key.as_str())))
            }
            _ => false,
        })
    }

    /// What a user wrote, with what it lacks.
    fn completed(&self, found: &Value) -> Value {
        let mut new = found.clone();
        let (Some(members), Some(own)) = (new.as_object_mut(), self.container.as_object()) else {
            return new;
        };
        if let Some(env) = members.get_mut("env").and_then(Value::as_array_mut) {
            let is_set =
                |variable: &Value| variables(&self.container).any(|own| name_of(own) == name_of(variable));
            env.retain(|variable| !self.is_managed(variable) || is_set(variable));
        }
        for (name, value) in own {
            match name.as_str() {
                "env" => {
                    let is_missing = |variable: &&Value| {
                        self.is_managed(variable)
                            || !variables(found).any(|other| name_of(other) == name_of(variable))
                    };
                    variables(&self.container)
                        .filter(is_missing)
                        .for_each(|variable| set_variable(members, variable));
                }
                "volumeMounts" | "volumeDevices" => {
                    add_missing(members, name, value);
                }
                "image" => drop(members.insert(name.clone(), value.clone())),
                "securityContext" => add_capabilities(members, value),
                _ => drop(members.entry(name).or_insert_with(|| value.clone())),
            }
        }
        new
    }

    fn is_managed(&self, variable: &Value) -> bool {
        name_of(variable).is_some_and(|name| self.variables.contains(&name))
    }

    /// Whether an image is one of this container's, of whatever version.
    pub(super) fn is_image(&self, image: &str) -> bool {
        let repository = |image: &str| image.parse::<Reference>().ok().map(|image| image.name());
        let own = self.container.get("image").and_then(Value::as_str);
        let found = repository(image);
        found.is_some()
            && [own, Some(self.pinned.as_str())].into_iter().flatten().any(|own| repository(own) == found)
    }
}

/// Members of nested objects that this program writes.
const KNOWN: [&str; 9] = [
    "capabilities",
    "privileged",
    "exec",
    "tcpSocket",
    "initialDelaySeconds",
    "periodSeconds",
    "failureThreshold",
    "timeoutSeconds",
    "successThreshold",
];

fn variables(container: &Value) -> impl Iterator<Item = &Value> {
    container.get("env").and_then(Value::as_array).into_iter().flatten()
}

fn name_of(value: &Value) -> Option<&str> {
    value.get("name")?.as_str()
}

/// Sets a variable; one with this name gives way.
fn set_variable(container: &mut Map<String, Value>, variable: &Value) {
    let env = container.entry("env").or_insert_with(|| json!([]));
    let Some(env) = env.as_array_mut() else { return };
    match env.iter_mut().find(|found| name_of(found) == name_of(variable)) {
        Some(found) => *found = variable.clone(),
        None => env.push(variable.clone()),
    }
}

/// The value of a variable, if it is written out.
pub(super) fn variable<'v>(container: &'v Value, name: &str) -> Option<&'v str> {
    variables(container).find(|variable| name_of(variable) == Some(name))?.get("value")?.as_str()
}

/// Adds a variable to a container that has none with this name.
pub(super) fn default_variable(container: &mut Value, name: &str, value: &str) {
    let is_there = variables(container).any(|variable| name_of(variable) == Some(name));
    if let Some(members) = container.as_object_mut().filter(|_| !is_there) {
        set_variable(members, &json!({ "name": name, "value": value }));
    }
}

/// Takes a variable away.
pub(super) fn remove_variable(container: &mut Value, name: &str) {
    let Some(members) = container.as_object_mut() else { return };
    if let Some(env) = members.get_mut("env").and_then(Value::as_array_mut) {
        env.retain(|variable| name_of(variable) != Some(name));
        if env.is_empty() {
            members.remove("env");
        }
    }
}

/// Adds the items of a list whose name is not there.
fn add_missing(container: &mut Map<String, Value>, list: &str, items: &Value) {
    let there = container.entry(list).or_insert_with(|| json!([]));
    let (Some(there), Some(items)) = (there.as_array_mut(), items.as_array()) else { return };
    for item in items {
        if !there.iter().any(|found| name_of(found) == name_of(item)) {
            there.push(item.clone());
        }
    }
}

/// Adds the capabilities of a security context, and privileges if it asks for them.
/// Gives a container a capability, besides those that it has.
pub(super) fn add_capability(container: &mut Value, name: &str) {
    if let Some(members) = container.as_object_mut() {
        add_capabilities(members, &json!({ "capabilities": { "add": [name] } }));
    }
}

fn add_capabilities(container: &mut Map<String, Value>, context: &Value) {
    let there = container.entry("securityContext").or_insert_with(|| json!({}));
    let Some(there) = there.as_object_mut() else { return };
    if let Some(privileged) = context.get("privileged") {
        there.insert("privileged".to_owned(), privileged.clone());
    }
    let wanted = context.pointer("/capabilities/add").and_then(Value::as_array);
    let capabilities = there.entry("capabilities").or_insert_with(|| json!({}));
    let Some(capabilities) = capabilities.as_object_mut() else { return };
    let Some(add) = capabilities.entry("add").or_insert_with(|| json!([])).as_array_mut() else { return };
    for capability in wanted.into_iter().flatten() {
        if !add.contains(capability) {
            add.push(capability.clone());
        }
    }
}
