//! Where connections come in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    cluster::{APPLICATION, NOWHERE},
    log, socket,
    tls::{self, Secrets},
    typed,
};
use crate::Egress;

/// The chain for connections that were meant for the proxy itself.
const BLACK_HOLE: &str = "BlackHoleFilter";

/// Where the application reaches a peer: in plain, since nobody else can connect there.
pub(super) fn egress(peer: &Egress) -> Value {
    json!({
        "name": peer.name,
        "address": socket(&peer.listen.ip().to_string(), peer.listen.port(), false),
        "filter_chains": [{
            "name": peer.name,
            "filters": [forward(&peer.name, &peer.name, Some(log::outbound(&peer.name)))],
        }],
    })
}

/// Where the packet filter leads what comes in.
pub(super) fn ingress(
    name: &str,
    port: u16,
    with_client_certificate: bool,
    ipv6: bool,
    secrets: &Secrets,
) -> Value {
    let mut listener = json!({
        "name": name,
        "address": socket("0.0.0.0", port, false),
        "transparent": true,
        "listener_filters": [{
            "name": "envoy.filters.listener.original_dst",
            "typed_config": typed("envoy.extensions.filters.listener.original_dst.v3.OriginalDst", json!({})),
        }],
        "filter_chains": [
            {
                "name": name,
                "filters": [forward(name, APPLICATION, Some(log::inbound()))],
                "transport_socket": tls::server(secrets, with_client_certificate),
            },
            { "name": BLACK_HOLE, "filters": [forward(NOWHERE, NOWHERE, None)] },
        ],
        // Whoever connects to the proxy itself would be forwarded to the proxy itself, again and again.
        "filter_chain_matcher": {
            "matcher_tree": {
                "input": {
                    "name": "port",
                    "typed_config": typed(
                        "envoy.extensions.matching.common_inputs.network.v3.DestinationPortInput", json!({})
                    ),
                },
                "exact_match_map": { "map": BTreeMap::from([(port.to_string(), action(BLACK_HOLE))]) },
            },
            "on_no_match": action(name),
        },
    });
    if ipv6 && let Some(members) = listener.as_object_mut() {
        let more = json!([{ "address": socket("::", port, false) }]);
        members.insert("additional_addresses".to_owned(), more);
    }
    listener
}

fn forward(statistics: &str, cluster: &str, log: Option<Value>) -> Value {
    let mut proxy = json!({ "stat_prefix": statistics, "cluster": cluster });
    if let (Some(log), Some(members)) = (log, proxy.as_object_mut()) {
        members.insert("access_log".to_owned(), log);
    }
    json!({
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": typed("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", proxy),
    })
}

/// Chooses a chain by its name.
fn action(chain: &str) -> Value {
    json!({ "action": {
        "name": chain,
        "typed_config": typed("google.protobuf.StringValue", json!({ "value": chain })),
    } })
}
