//! Ports that take connections in another way than with mutual TLS.

use std::fmt;

use crate::{
    INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT,
    entry::{self, Entry, EntryError},
};

/// One port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ingress {
    /// For people.
    pub name: String,
    /// The port that the application listens on.
    pub port: u16,
    /// Who may connect.
    pub access: Access,
}

/// Who may connect to a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Whoever speaks TLS. A certificate need not be shown; one that is shown is checked.
    WithoutClientCertificate,
    /// Everybody: the proxy lets the connection through as it is.
    Direct,
}

/// Why a text is no list of such ports.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum IngressError {
    /// The list, or the parts of an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// No port.
    #[error("entry {number}: {found:?} is no port; write a number from 1 to 65535")]
    Port {
        /// Which entry, from 1.
        number: usize,
        /// What stands there.
        found: String,
    },
    /// A port of the proxy itself.
    #[error(
        "entry {number}: port {port} is one of the service mesh itself; give the application another one"
    )]
    Reserved {
        /// Which entry, from 1.
        number: usize,
        /// The port.
        port: u16,
    },
    /// Neither true nor false.
    #[error(
        "entry {number}: {found:?} is neither `true` (no TLS) nor `false` (TLS without a client certificate)"
    )]
    NotBoolean {
        /// Which entry, from 1.
        number: usize,
        /// What stands there.
        found: String,
    },
    /// A port of another entry.
    #[error("entry {number}: port {port} is in entry {other}, too; remove one of the two")]
    Twice {
        /// Which entry, from 1.
        number: usize,
        /// The port.
        port: u16,
        /// The entry that has it first, from 1.
        other: usize,
    },
}

const WANTED: &str = "NAME#PORT#BOOL";

/// The ports that an annotation `servicemesh-ingress` lists. Those that it does not list take mutual TLS.
///
/// # Errors
/// See [`IngressError`].
pub fn ingress(text: &str) -> Result<Vec<Ingress>, IngressError> {
    let mut all: Vec<Ingress> = Vec::new();
    for Entry { number, parts: [name, port, disable_tls], .. } in entry::entries(text, false, WANTED)? {
        let found = |text| entry::shortened(text);
        let port = entry::port(port).ok_or_else(|| IngressError::Port { number, found: found(port) })?;
        if [INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT].contains(&port) {
            return Err(IngressError::Reserved { number, port });
        }
        let access = match disable_tls {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Access::Direct,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Access::WithoutClientCertificate,
            other => return Err(IngressError::NotBoolean { number, found: found(other) }),
        };
        if let Some(index) = all.iter().position(|other| other.port == port) {
            return Err(IngressError::Twice { number, port, other: index + 1 });
        }
        all.push(Ingress { name: name.to_owned(), port, access });
    }
    Ok(all)
}

/// As an annotation has it.
impl fmt::Display for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.name, self.port, self.access == Access::Direct)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_read_and_an_empty_one_is_nothing() {
        let shop = Ingress { name: "shop".to_owned(), port: 8443, access: Access::WithoutClientCertificate };
        let stats = Ingress { name: "stats".to_owned(), port: 9100, access: Access::Direct };
        assert_eq!(ingress("shop#8443#false##stats#9100#true"), Ok(vec![shop, stats]));
        for empty in ["", "##", "####"] {
            assert_eq!(ingress(empty), Ok(Vec::new()));
        }
        for (word, access) in
            [("T", Access::Direct), ("1", Access::Direct), ("F", Access::WithoutClientCertificate)]
        {
            assert_eq!(ingress(&format!("a#1#{word}")).unwrap()[0].access, access);
        }
    }

    #[test]
    fn every_fault_names_its_entry() {
        let long = "a".repeat(300 << 10);
        for (text, expected) in [
            ("a#1", "entry 1, \"a#1\", has 2 parts"),
            ("a#1#true##b#2#true#", "entry 2, \"b#2#true#\", has 4 parts"),
            ("#1#true", "has no name"),
            ("a#ssh#true", "entry 1: \"ssh\" is no port"),
            ("a#0#true", "\"0\" is no port"),
            ("a#70000#true", "\"70000\" is no port"),
            ("a#+1#true", "\"+1\" is no port"),
            ("a#15006#true", "port 15006 is one of the service mesh itself"),
            ("a#1#yes", "\"yes\" is neither `true`"),
            ("a#1#", "\"\" is neither"),
            ("a#1#true##b#1#false", "entry 2: port 1 is in entry 1, too"),
            (&long, "at most 262144"),
            (&"a#1#true##".repeat(2000), "at most 1024"),
        ] {
            let error = ingress(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_the_same_after_it_was_written(text in "([a-z]{0,3}#[0-9]{0,5}#(true|false|T|0|x)(##|#)?){0,4}") {
            if let Ok(read) = ingress(&text) {
                let written = read.iter().map(ToString::to_string).collect::<Vec<_>>().join("##");
                prop_assert_eq!(ingress(&written), Ok(read));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = ingress(&text);
        }
    }
}
