//! Peers that the application reaches through the proxy.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddrV4},
};

use crate::{
    INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT,
    bootstrap::OWN_NAMES,
    entry::{self, Entry, EntryError},
};

/// One peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Egress {
    /// Of the listener and of the peer in Envoy.
    pub name: String,
    /// Where the application connects to: an address of the pod's own, in 127.0.0.0/8.
    pub listen: SocketAddrV4,
    /// The peer's host: a name or an IP address, without brackets.
    pub remote_host: String,
    /// The peer's port.
    pub remote_port: u16,
    /// Names of which the peer's certificate must have one; none if any certificate of the mesh will do.
    pub names: Vec<PeerName>,
}

/// A name in a peer's certificate (RFC 5280 section 4.2.1.6), as a manifest lists it among the `SANs` of a policy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PeerName {
    /// A DNS name. `a.example` is also what a certificate for `*.example` is for, and nothing is for `*` alone.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// A URI.
    Uri(String),
}

/// Why a text is no list of peers.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum EgressError {
    /// The list, or the parts of an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// No address to listen at.
    #[error(
        "entry {number}: {found:?} is no address to listen at; write an IPv4 address and a port, such as 127.20.0.1:9000"
    )]
    Listen {
        /// Which entry, from 1.
        number: usize,
        /// What stands there.
        found: String,
    },
    /// An address that others reach, too.
    #[error(
        "entry {number}: {found} is not in 127.0.0.0/8; only there nobody else can connect to the listener"
    )]
    NotLoopback {
        /// Which entry, from 1.
        number: usize,
        /// The address.
        found: SocketAddrV4,
    },
    /// A port of the proxy itself.
    #[error("entry {number}: port {port} is one of the service mesh itself; listen at another one")]
    Reserved {
        /// Which entry, from 1.
        number: usize,
        /// The port.
        port: u16,
    },
    /// No host and port.
    #[error(
        "entry {number}: {found:?} is no peer; write a host and a port, such as pay-svc:8080 or [2001:db8::1]:8080"
    )]
    Remote {
        /// Which entry, from 1.
        number: usize,
        /// What stands there.
        found: String,
    },
    /// A fourth part that says nothing of the peer's certificate.
    #[error(
        "entry {number}: {found:?} does not say which names the peer's certificate may have; write `san=` and the names with commas between them, such as san=pay-svc"
    )]
    Names {
        /// Which entry, from 1.
        number: usize,
        /// What stands there.
        found: String,
    },
    /// A name of the proxy itself.
    #[error("entry {number}: {name:?} is a name of the service mesh itself; give the entry another one")]
    ReservedName {
        /// Which entry, from 1.
        number: usize,
        /// The name.
        name: &'static str,
    },
    /// A name of another entry.
    #[error("entry {number}: {name:?} is the name of entry {other}, too; give one of the two another name")]
    SameName {
        /// Which entry, from 1.
        number: usize,
        /// The name.
        name: String,
        /// The entry that has it first, from 1.
        other: usize,
    },
    /// An address of another entry.
    #[error(
        "entry {number}: {listen} is the address of entry {other}, too; let one of the two listen elsewhere"
    )]
    SameListen {
        /// Which entry, from 1.
        number: usize,
        /// The address.
        listen: SocketAddrV4,
        /// The entry that has it first, from 1.
        other: usize,
    },
}

const WANTED: &str = "NAME#127.x.y.z:PORT#HOST:PORT, or NAME#127.x.y.z:PORT#HOST:PORT#san=PEER";
/// Before the names of a peer's certificate.
const NAMES: &str = "san=";
/// Longest name of a host, in bytes (RFC 1035 section 2.3.4, without the dot of the root).
const MAX_HOST: usize = 253;

/// The peers that an annotation `servicemesh-egress` lists.
///
/// # Errors
/// See [`EgressError`].
pub fn egress(text: &str) -> Result<Vec<Egress>, EgressError> {
    let mut all: Vec<Egress> = Vec::new();
    for Entry { number, parts: [name, listen, remote], more } in entry::entries(text, true, WANTED)? {
        let listen = listen_address(number, listen)?;
        let bad = |found: &str| EgressError::Names { number, found: entry::shortened(found) };
        let names = more.map_or(Some(Vec::new()), peer_names);
        let names = names.ok_or_else(|| bad(more.unwrap_or_default()))?;
        let (remote_host, remote_port) = host_and_port(remote)
            .ok_or_else(|| EgressError::Remote { number, found: entry::shortened(remote) })?;
        if let Some(name) = OWN_NAMES.into_iter().find(|own| *own == name) {
            return Err(EgressError::ReservedName { number, name });
        }
        if let Some(index) = all.iter().position(|other| other.name == name) {
            return Err(EgressError::SameName { number, name: entry::shortened(name), other: index + 1 });
        }
        if let Some(index) = all.iter().position(|other| other.listen == listen) {
            return Err(EgressError::SameListen { number, listen, other: index + 1 });
        }
        all.push(Egress {
            name: name.to_owned(),
            listen,
            remote_host: remote_host.to_owned(),
            remote_port,
            names,
        });
    }
    Ok(all)
}

fn listen_address(number: usize, text: &str) -> Result<SocketAddrV4, EgressError> {
    let bad = || EgressError::Listen { number, found: entry::shortened(text) };
    let (address, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let address = address.parse().map_err(|_| bad())?;
    let port = entry::port(port).ok_or_else(bad)?;
    let found = SocketAddrV4::new(address, port);
    if !address.is_loopback() {
        return Err(EgressError::NotLoopback { number, found });
    }
    if [INGRESS_PORT, INGRESS_PORT_WITHOUT_CLIENT].contains(&port) {
        return Err(EgressError::Reserved { number, port });
    }
    Ok(found)
}

/// The names of a fourth part; `None` if it is another one.
fn peer_names(part: &str) -> Option<Vec<PeerName>> {
    part.strip_prefix(NAMES)?.split(',').map(peer_name).collect()
}

fn peer_name(text: &str) -> Option<PeerName> {
    if let Ok(address) = text.parse() {
        return Some(PeerName::Ip(address));
    }
    let is_visible = |byte: u8| byte.is_ascii_graphic();
    if text.contains(':') {
        return text.bytes().all(is_visible).then(|| PeerName::Uri(text.to_owned()));
    }
    is_host_name(text).then(|| PeerName::Dns(text.to_owned()))
}

/// A host name, an IPv4 address, or an IPv6 address in brackets; and a port.
fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = entry::port(port)?;
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok().then_some((address, port));
    }
    is_host_name(host).then_some((host, port))
}

fn is_host_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text.len() <= MAX_HOST && text.bytes().all(plain)
}

/// As an annotation has it.
impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, listen, remote_host, remote_port, names } = self;
        if remote_host.contains(':') {
            write!(f, "{name}#{listen}#[{remote_host}]:{remote_port}")?;
        } else {
            write!(f, "{name}#{listen}#{remote_host}:{remote_port}")?;
        }
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        write!(f, "#{NAMES}{}", names.join(","))
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) | Self::Uri(text) => f.write_str(text),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_read_and_an_empty_one_is_nothing() {
        let peer = |name: &str, listen: &str, host: &str, port| Egress {
            name: name.to_owned(),
            listen: listen.parse().unwrap(),
            remote_host: host.to_owned(),
            remote_port: port,
            names: Vec::new(),
        };
        assert_eq!(
            egress("pay#127.20.0.1:9000#pay-svc:8080##stock#127.20.0.2:9000#[2001:db8::1]:8080##"),
            Ok(vec![
                peer("pay", "127.20.0.1:9000", "pay-svc", 8080),
                peer("stock", "127.20.0.2:9000", "2001:db8::1", 8080),
            ])
        );
        assert_eq!(egress(""), Ok(Vec::new()));
    }

    #[test]
    fn a_peer_may_be_known_by_names_of_its_certificate() {
        let names = |text: &str| egress(&format!("a#127.0.0.1:1#b:2{text}")).map(|all| all[0].names.clone());
        assert_eq!(names(""), Ok(Vec::new()));
        assert_eq!(
            names("#san=pay-svc,10.0.0.1,2001:db8::1,spiffe://mesh/pay"),
            Ok(vec![
                PeerName::Dns("pay-svc".to_owned()),
                PeerName::Ip("10.0.0.1".parse().unwrap()),
                PeerName::Ip("2001:db8::1".parse().unwrap()),
                PeerName::Uri("spiffe://mesh/pay".to_owned()),
            ])
        );
        for bad in ["#", "#pay-svc", "#san=", "#san=a,", "#SAN=a", "#san=*", "#san=a b", "#san=a#b"] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_fault_names_its_entry() {
        for (text, expected) in [
            ("a#127.0.0.1:1", "entry 1, \"a#127.0.0.1:1\", has 2 parts"),
            ("a#127.0.0.1:1#b:2#c", "entry 1: \"c\" does not say which names"),
            ("#127.0.0.1:1#b:2", "has no name"),
            ("a#localhost:1#b:2", "entry 1: \"localhost:1\" is no address to listen at"),
            ("a#127.0.0.1#b:2", "no address to listen at"),
            ("a#[::1]:1#b:2", "no address to listen at"),
            ("a#127.0.0.1:70000#b:2", "no address to listen at"),
            ("a#127.0.0.1:0#b:2", "no address to listen at"),
            ("a#10.0.0.1:1#b:2", "10.0.0.1:1 is not in 127.0.0.0/8"),
            ("a#127.0.0.1:15007#b:2", "port 15007 is one of the service mesh itself"),
            ("a#127.0.0.1:1#b", "\"b\" is no peer"),
            ("a#127.0.0.1:1#b:http", "is no peer"),
            ("a#127.0.0.1:1#:2", "is no peer"),
            ("a#127.0.0.1:1#2001:db8::1:2", "is no peer"),
            ("a#127.0.0.1:1#[b]:2", "is no peer"),
            ("a#127.0.0.1:1#b c:2", "is no peer"),
            ("a#127.0.0.1:1#b:2##a#127.0.0.1:2#b:2", "entry 2: \"a\" is the name of entry 1, too"),
            ("a#127.0.0.1:1#b:2##c#127.0.0.1:1#b:2", "entry 2: 127.0.0.1:1 is the address of entry 1, too"),
        ] {
            let error = egress(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for name in OWN_NAMES {
            let error = egress(&format!("{name}#127.0.0.1:1#b:2")).unwrap_err().to_string();
            assert!(error.contains("is a name of the service mesh itself"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_the_same_after_it_was_written(text in "([a-c]#127.0.0.[1-3]:[0-9]{1,4}#(h|\\[::1\\]|10.0.0.1):[0-9]{1,5}(#san=(p|::1|a:b)(,q)?)?(##)?){0,4}") {
            if let Ok(read) = egress(&text) {
                let written = read.iter().map(ToString::to_string).collect::<Vec<_>>().join("##");
                prop_assert_eq!(egress(&written), Ok(read));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = egress(&text);
        }
    }
}
