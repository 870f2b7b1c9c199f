//! The service mesh: a sidecar that wraps the pod's connections into TLS.

use contrast_service_mesh::INGRESS_PORT;
use serde_json::{Value, json};

use super::{
    Fault, Injection,
    annotations::Mesh,
    container::{Own, list, set},
    volumes,
};

/// The container's name.
pub(super) const NAME: &str = "contrast-service-mesh";
/// Its image, before it is pinned.
const IMAGE: &str = "ghcr.io/edgelesssys/contrast/service-mesh-proxy:latest";
const INGRESS: &str = "CONTRAST_INGRESS_PROXY_CONFIG";
const EGRESS: &str = "CONTRAST_EGRESS_PROXY_CONFIG";
const ADMIN: &str = "CONTRAST_ADMIN_PORT";

/// Puts the sidecar behind all other init containers, which come without it.
pub(super) fn put(template: &mut Value, injection: &Injection<'_>, mesh: &Mesh) -> Result<(), Fault> {
    let own = own(injection.replacements.of(IMAGE).to_owned(), mesh);
    let containers = list(template, "initContainers")?;
    let found = containers.iter().position(is_sidecar).map(|index| containers.remove(index));
    let new = found.map_or_else(|| own.container.clone(), |found| own.in_place_of(&found));
    containers.push(new);
    volumes::add(template, volumes::VOLUME)
}

/// Takes the sidecar away whose annotations are gone. One that a user wrote stays.
pub(super) fn remove(template: &mut Value, notes: &mut Vec<String>) -> Result<(), Fault> {
    if !template.pointer("/spec/initContainers").is_some_and(Value::is_array) {
        return Ok(());
    }
    let own = own(IMAGE.to_owned(), &Mesh::default());
    let containers = list(template, "initContainers")?;
    let Some(index) = containers.iter().position(is_sidecar) else { return Ok(()) };
    if containers.get(index).is_some_and(|found| own.was_put(found)) {
        containers.remove(index);
    } else {
        notes.push(format!(
            "it has a container `{NAME}` that somebody wrote by hand, and none of the mesh's annotations; the container stays"
        ));
    }
    Ok(())
}

fn is_sidecar(container: &Value) -> bool {
    container.get("name").and_then(Value::as_str) == Some(NAME)
}

fn own(pinned: String, mesh: &Mesh) -> Own {
    let variable = |name: &str, value: Option<String>| Some(json!({ "name": name, "value": value? }));
    let variables = [
        variable(INGRESS, mesh.ingress.clone()),
        variable(EGRESS, mesh.egress.clone()),
        variable(ADMIN, mesh.admin_port.map(|port| port.to_string())),
    ];
    let variables: Vec<_> = variables.into_iter().flatten().collect();
    let mut container = json!({
        "name": NAME,
        "image": IMAGE,
        "restartPolicy": "Always",
        "securityContext": { "capabilities": { "add": ["NET_ADMIN"] } },
        "startupProbe": {
            "tcpSocket": { "port": INGRESS_PORT },
            "initialDelaySeconds": 1,
            "periodSeconds": 5,
            "failureThreshold": 5,
        },
        "volumeMounts": [volumes::mount()],
    });
    if !variables.is_empty() {
        set(&mut container, "env", Value::Array(variables));
    }
    if let Some(port) = mesh.admin_port {
        set(&mut container, "ports", json!([{ "name": "contrast-admin", "containerPort": port }]));
    }
    Own { container, pinned, variables: &[INGRESS, EGRESS, ADMIN] }
}
