//! The annotations of the service mesh.

use contrast_service_mesh::{admin_port, egress, ingress};

/// Lists of ports and peers: what is accepted says the same after it was written and read again.
///
/// # Panics
/// If it does not.
pub fn mesh_annotation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = ingress(text) {
        assert_eq!(ingress(&joined(&read)), Ok(read));
    }
    if let Ok(read) = egress(text) {
        assert_eq!(egress(&joined(&read)), Ok(read));
    }
    if let Ok(Some(port)) = admin_port(text) {
        assert_eq!(admin_port(&port.to_string()), Ok(Some(port)));
    }
}

fn joined(entries: &[impl ToString]) -> String {
    entries.iter().map(ToString::to_string).collect::<Vec<_>>().join("##")
}
