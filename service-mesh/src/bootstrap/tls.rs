//! TLS of the mesh: version 1.3, the pod's certificate, and peers whose certificates the mesh CA issued.

use std::path::Path;

use serde_json::{Value, json};

use super::typed;
use crate::{PeerName, secrets};

/// Where Envoy learns certificate, key and CA.
pub(super) struct Secrets {
    certificate: Value,
    mesh_ca: Value,
}

impl Secrets {
    pub(super) fn in_folder(folder: &Path) -> Self {
        let secret = |name: &str| {
            let path = folder.join(secrets::file_name(name));
            json!({ "name": name, "sds_config": {
                "path_config_source": { "path": path },
                "resource_api_version": "V3",
            } })
        };
        Self { certificate: secret(secrets::CERTIFICATE), mesh_ca: secret(secrets::MESH_CA) }
    }
}

/// For connections that come in.
pub(super) fn server(secrets: &Secrets, with_client_certificate: bool) -> Value {
    let context = json!({
        "common_tls_context": common(secrets, json!({})),
        "require_client_certificate": with_client_certificate,
    });
    socket("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", context)
}

/// For connections to a peer with one of these names; to any peer of the mesh if there are none.
pub(super) fn client(secrets: &Secrets, names: &[PeerName]) -> Value {
    let matchers: Vec<_> = names.iter().map(matcher).collect();
    let validation =
        if matchers.is_empty() { json!({}) } else { json!({ "match_typed_subject_alt_names": matchers }) };
    let context = json!({ "common_tls_context": common(secrets, validation) });
    socket("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", context)
}

fn matcher(name: &PeerName) -> Value {
    let (kind, text) = match name {
        PeerName::Dns(name) => ("DNS", name.clone()),
        PeerName::Ip(address) => ("IP_ADDRESS", address.to_string()),
        PeerName::Uri(uri) => ("URI", uri.clone()),
    };
    json!({ "san_type": kind, "matcher": { "exact": text } })
}

fn common(secrets: &Secrets, validation: Value) -> Value {
    json!({
        "tls_params": { "tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3" },
        "tls_certificate_sds_secret_configs": [secrets.certificate],
        "combined_validation_context": {
            "default_validation_context": validation,
            "validation_context_sds_secret_config": secrets.mesh_ca,
        },
    })
}

fn socket(kind: &str, context: Value) -> Value {
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": typed(kind, context) })
}
