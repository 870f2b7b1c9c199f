//! The service mesh of a pod: which ports take connections of whom, and which peers are reached where.
//!
//! Users say it in annotations of the pod, which `contrast generate` copies into variables of the sidecar: [`ingress`], [`egress`] and
//! [`admin_port`] read them, the same way in both programs. A list has entries with `##` between them, an entry has parts with `#`
//! between them. An empty list says nothing, which is no error.
//!
//! The sidecar makes of them what Envoy is told ([`mod@bootstrap`], [`mod@secrets`]) and what the kernel is told ([`rules`]), and opens the
//! pod's network ([`default_deny`]), which the Initializer does in pods without a mesh.

pub mod bootstrap;
pub mod default_deny;
mod egress;
mod entry;
mod ingress;
pub mod rules;
pub mod secrets;
pub mod tool;

pub use egress::{Egress, EgressError, PeerName, egress};
pub use entry::{EntryError, MAX_ENTRIES, MAX_LEN};
pub use ingress::{Access, Ingress, IngressError, ingress};

/// The port that takes connections with a client certificate. Part of the interface to the sidecar's rules.
pub const INGRESS_PORT: u16 = 15006;
/// The port that takes connections without.
pub const INGRESS_PORT_WITHOUT_CLIENT: u16 = 15007;

/// A text that is no port for the admin interface.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("{0:?} is no port; write a number from 1 to 65535, or nothing for no admin interface")]
pub struct AdminPortError(String);

/// The port of Envoy's admin interface; `None` if there shall be none: nothing is said, or 0.
///
/// # Errors
/// If it is no number of a port.
pub fn admin_port(text: &str) -> Result<Option<u16>, AdminPortError> {
    if text.is_empty() {
        return Ok(None);
    }
    let port = entry::number(text).ok_or_else(|| AdminPortError(entry::shortened(text)))?;
    Ok((port > 0).then_some(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_port_is_a_number_of_a_port_or_nothing() {
        assert_eq!(admin_port(""), Ok(None));
        assert_eq!(admin_port("0"), Ok(None));
        assert_eq!(admin_port("9901"), Ok(Some(9901)));
        for bad in ["ssh", "70000", "-1", "+1", " 1", "1 ", "0x1"] {
            assert_eq!(admin_port(bad), Err(AdminPortError(bad.to_owned())));
        }
    }
}
