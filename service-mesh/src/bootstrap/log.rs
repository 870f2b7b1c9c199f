//! Envoy's access log: one line of JSON on standard output for each connection, when it ends.

use serde_json::{Value, json};

use super::typed;

/// A log of what comes in.
pub(super) fn inbound() -> Value {
    lines(json!({
        "direction": "in",
        "time": "%START_TIME%",
        "from": "%DOWNSTREAM_REMOTE_ADDRESS%",
        "to": "%DOWNSTREAM_LOCAL_ADDRESS%",
        "peer_dns_names": "%DOWNSTREAM_PEER_DNS_SAN%",
        "peer_uris": "%DOWNSTREAM_PEER_URI_SAN%",
        "peer_subject": "%DOWNSTREAM_PEER_SUBJECT%",
        "tls": "%DOWNSTREAM_TLS_VERSION%",
        "tls_failure": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
        "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
        "flags": "%RESPONSE_FLAGS%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "milliseconds": "%DURATION%",
    }))
}

/// A log of what goes out.
pub(super) fn outbound(peer: &str) -> Value {
    lines(json!({
        "direction": "out",
        "time": "%START_TIME%",
        // A name may have a percent sign, which begins a command here.
        "peer": peer.replace('%', "%%"),
        "to": "%UPSTREAM_REMOTE_ADDRESS%",
        "peer_dns_names": "%UPSTREAM_PEER_DNS_SAN%",
        "peer_uris": "%UPSTREAM_PEER_URI_SAN%",
        "peer_subject": "%UPSTREAM_PEER_SUBJECT%",
        "tls": "%UPSTREAM_TLS_VERSION%",
        "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
        "flags": "%RESPONSE_FLAGS%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "milliseconds": "%DURATION%",
    }))
}

fn lines(format: Value) -> Value {
    let log = json!({ "log_format": { "json_format": format } });
    json!([{
        "name": "envoy.access_loggers.stdout",
        "typed_config": typed("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", log),
    }])
}
