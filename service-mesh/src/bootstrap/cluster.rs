//! Where connections go.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::tls::{self, Secrets};
use crate::Egress;

/// The application of this pod, at the address that the client asked for.
pub(super) const APPLICATION: &str = "IngressCluster";
/// Nowhere.
pub(super) const NOWHERE: &str = "BlackHoleCluster";

/// How long a connection may take to come about.
const PATIENCE: &str = "10s";

pub(super) fn peer(peer: &Egress, secrets: &Secrets) -> Value {
    // What is an address already need not be looked up, and is not.
    let kind = if peer.remote_host.parse::<IpAddr>().is_ok() { "STATIC" } else { "LOGICAL_DNS" };
    let address =
        json!({ "socket_address": { "address": peer.remote_host, "port_value": peer.remote_port } });
    json!({
        "name": peer.name,
        "type": kind,
        // Where a name has both, by IPv4: the peer's proxy takes IPv6 in any case, and its application often does not.
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": PATIENCE,
        "load_assignment": {
            "cluster_name": peer.name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
        "transport_socket": tls::client(secrets, &peer.names),
    })
}

pub(super) fn application() -> Value {
    json!({
        "name": APPLICATION,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": PATIENCE,
    })
}

pub(super) fn nowhere() -> Value {
    json!({ "name": NOWHERE, "type": "STATIC", "connect_timeout": PATIENCE })
}
