//! The pod's certificate, its key and the mesh CA, as Envoy's secret discovery service (SDS) knows them: files that name the
//! files with the certificates, and the folder that is watched for new ones.
//!
//! New files take effect when something is moved into that folder, as the Initializer does. Certificate and key are then read together.

use std::path::Path;

use serde_json::{Value, json};

/// Name of the secret with certificate and key.
pub(crate) const CERTIFICATE: &str = "certificate";
/// Name of the secret with the mesh CA.
pub(crate) const MESH_CA: &str = "mesh-ca";

/// Files with certificates in the folder that the Initializer fills.
pub const CHAIN_FILE: &str = "certChain.pem";
/// The key.
pub const KEY_FILE: &str = "key.pem";
/// The mesh CA's certificate.
pub const MESH_CA_FILE: &str = "mesh-ca.pem";

/// Name of the file of a secret.
pub(crate) fn file_name(secret: &str) -> String {
    format!("envoy-{secret}.json")
}

/// The files, by name; `certificates`: the folder that the Initializer fills.
#[must_use]
pub fn secrets(certificates: &Path) -> [(String, Value); 2] {
    let file = |name: &str| json!({ "filename": certificates.join(name) });
    let watched = json!({ "path": certificates });
    let certificate = json!({
        "certificate_chain": file(CHAIN_FILE), "private_key": file(KEY_FILE), "watched_directory": watched,
    });
    let mesh_ca = json!({ "trusted_ca": file(MESH_CA_FILE), "watched_directory": watched });
    [
        (file_name(CERTIFICATE), resource(CERTIFICATE, "tls_certificate", certificate)),
        (file_name(MESH_CA), resource(MESH_CA, "validation_context", mesh_ca)),
    ]
}

fn resource(name: &str, kind: &str, content: Value) -> Value {
    json!({ "resources": [{
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        kind: content,
    }] })
}
