//! The Initializer: an init container that fetches the pod's certificate, key and secret.

use serde_json::{Value, json};

use super::{
    Fault, Injection,
    annotations::Annotations,
    container::{ATTESTER, Own, SIMULATED, default_variable, list, memory, set, variable},
    coordinator::COLLATERAL_PROXY,
    encrypted_volume, staying, volumes,
};
use crate::generate::{COORDINATOR, platform::Platform};

/// The container's name.
pub(super) const NAME: &str = "contrast-initializer";
/// Its image, before it is pinned.
const IMAGE: &str = "ghcr.io/edgelesssys/contrast/initializer:latest";
/// Where the Coordinator is.
const COORDINATOR_HOST: &str = "COORDINATOR_HOST";
/// Set where no service mesh does it: the Initializer opens the pod's network.
const NO_MESH: &str = "CONTRAST_DISABLE_SERVICE_MESH";

/// Puts the Initializer before all other init containers, and its volume into all containers.
pub(super) fn put(
    template: &mut Value,
    injection: &Injection<'_>,
    annotations: &Annotations,
    (platform, opens_network): (Platform, bool),
    notes: &mut Vec<String>,
) -> Result<(), Fault> {
    let host = injection.coordinator_host;
    let mut container = json!({
        "name": NAME,
        "image": IMAGE,
        "env": [{ "name": COORDINATOR_HOST, "value": host }],
        "resources": memory("50Mi"),
        "volumeMounts": [volumes::mount()],
    });
    if let Some(proxy) = injection.collateral_proxy {
        default_variable(&mut container, COLLATERAL_PROXY, proxy);
    }
    if platform == Platform::Simulated {
        default_variable(&mut container, ATTESTER, SIMULATED);
    }
    if opens_network {
        default_variable(&mut container, NO_MESH, "true");
        set(&mut container, "securityContext", json!({ "capabilities": { "add": ["NET_ADMIN"] } }));
    }
    volumes::add(template, volumes::VOLUME)?;
    if let Some(volume) = &annotations.encrypted_volume {
        encrypted_volume::put(template, &mut container, volume, &annotations.claims)?;
    }
    if let Some(renewal) = &annotations.renewal {
        staying::renew(&mut container, renewal);
    }
    let own = Own {
        container,
        pinned: injection.replacements.of(IMAGE).to_owned(),
        variables: &[NO_MESH, ATTESTER, encrypted_volume::DEVICE, staying::RENEW, staying::METRICS],
    };
    let containers = list(template, "initContainers")?;
    match containers.iter_mut().find(|found| is_initializer(found, &own)) {
        Some(found) => *found = own.in_place_of(found),
        None => containers.insert(0, own.container.clone()),
    }
    let put = containers.iter().find(|found| is_initializer(found, &own));
    if let Some(other) = put.and_then(|put| variable(put, COORDINATOR_HOST)).filter(|other| *other != host)
        && host != COORDINATOR
    {
        notes.push(format!(
            "its Initializer asks the Coordinator at `{other}`, as somebody wrote; the one among the resources is at `{host}`"
        ));
    }
    volumes::mount_into_all(template)
}

/// Whether a pod has one by its usual name.
pub(super) fn is_in(template: &Value) -> bool {
    let containers = template.pointer("/spec/initContainers").and_then(Value::as_array);
    containers.into_iter().flatten().any(|container| container.get("name").is_some_and(|name| name == NAME))
}

/// By its name, or by its image where a user named it otherwise. A container of this image that only opens an encrypted volume is none.
fn is_initializer(container: &Value, own: &Own) -> bool {
    let text = |name: &str| container.get(name).and_then(Value::as_str);
    let words = ["command", "args"].into_iter().filter_map(|name| container.get(name)?.as_array()).flatten();
    let opens_a_volume = words.filter_map(Value::as_str).any(|word| word == "cryptsetup");
    text("name") == Some(NAME) || !opens_a_volume && text("image").is_some_and(|image| own.is_image(image))
}
