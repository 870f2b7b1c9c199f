//! Envoy's configuration, in the JSON form of its protobuf messages (`envoy.config.bootstrap.v3.Bootstrap`).
//!
//! Everything in it is fixed when the sidecar starts, but for certificates: those come from files that Envoy watches
//! ([`crate::secrets`]).

mod cluster;
mod listener;
mod log;
mod tls;

use std::path::Path;

use serde_json::{Value, json};

use crate::{Egress, INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT};

/// Listeners for what comes in: from pods, and from everybody.
const INGRESS: &str = "ingress";
const INGRESS_WITHOUT_CLIENT: &str = "ingressWithoutClientAuth";
/// Names of listeners and clusters that no peer can have: Envoy takes each only once.
pub(crate) const OWN_NAMES: [&str; 4] =
    [INGRESS, INGRESS_WITHOUT_CLIENT, cluster::APPLICATION, cluster::NOWHERE];

/// What the configuration is made from.
#[derive(Clone, Copy, Debug)]
pub struct Mesh<'a> {
    /// Peers that the application reaches through the proxy.
    pub egress: &'a [Egress],
    /// Port of the admin interface; `None` for no such interface.
    pub admin_port: Option<u16>,
    /// Whether the pod has IPv6.
    pub ipv6: bool,
    /// Folder with the files of [`crate::secrets`].
    pub secrets: &'a Path,
}

/// The whole configuration.
#[must_use]
pub fn bootstrap(mesh: &Mesh<'_>) -> Value {
    let secrets = tls::Secrets::in_folder(mesh.secrets);
    let outbound = mesh.egress.iter().map(listener::egress);
    let inbound = [
        listener::ingress(INGRESS, INGRESS_PORT, true, mesh.ipv6, &secrets),
        listener::ingress(INGRESS_WITHOUT_CLIENT, INGRESS_PORT_WITHOUT_CLIENT, false, mesh.ipv6, &secrets),
    ];
    let peers = mesh.egress.iter().map(|peer| cluster::peer(peer, &secrets));
    let mut bootstrap = json!({
        // Files of secrets are configuration sources, which a node has to be named for.
        "node": { "id": "contrast-service-mesh", "cluster": "contrast" },
        "static_resources": {
            "listeners": outbound.chain(inbound).collect::<Vec<_>>(),
            "clusters": peers.chain([cluster::application(), cluster::nowhere()]).collect::<Vec<_>>(),
        },
    });
    if let (Some(port), Some(members)) = (mesh.admin_port, bootstrap.as_object_mut()) {
        let address = if mesh.ipv6 { "::" } else { "0.0.0.0" };
        members.insert("admin".to_owned(), json!({ "address": socket(address, port, mesh.ipv6) }));
    }
    bootstrap
}

/// A message inside another one, with its type.
fn typed(kind: &str, mut message: Value) -> Value {
    if let Some(members) = message.as_object_mut() {
        members.insert("@type".to_owned(), json!(format!("type.googleapis.com/{kind}")));
    }
    message
}

/// An address to listen at. `both`: an IPv6 address for IPv4, too.
fn socket(address: &str, port: u16, both: bool) -> Value {
    let mut socket = json!({ "address": address, "port_value": port });
    if both && let Some(members) = socket.as_object_mut() {
        members.insert("ipv4_compat".to_owned(), json!(true));
    }
    json!({ "socket_address": socket })
}
