//! Requests for the network of a pod: as its network namespace is, the guest's becomes.

use contrast_policy::request::{Kind, MemberError, Request};
use serde_json::{Value, json};

/// What is in a network namespace.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Network {
    /// All interfaces but the loopback.
    pub interfaces: Vec<Interface>,
    /// Routes of the main table.
    pub routes: Vec<Route>,
    /// Neighbours that somebody wrote there.
    pub neighbours: Vec<Neighbour>,
}

/// An interface.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Hardware address, as six pairs of hexadecimal digits.
    pub hardware: String,
    /// Bytes of the largest packet.
    pub mtu: u32,
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// An address with the length of its network's prefix.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Address {
    /// As text.
    pub address: String,
    /// Bits.
    pub prefix: u8,
}

/// A route.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Route {
    /// Whether it is one of IPv6.
    pub is_six: bool,
    /// Network and length of its prefix; empty for all addresses.
    pub destination: String,
    /// Gateway; empty for none.
    pub gateway: String,
    /// Name of the interface.
    pub interface: String,
    /// Address that packets are sent from; empty for any.
    pub source: String,
    /// Scope of the kernel.
    pub scope: u8,
}

/// A neighbour whose hardware address is written down.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Neighbour {
    /// Its address.
    pub address: String,
    /// Name of the interface.
    pub interface: String,
    /// Hardware address.
    pub hardware: String,
    /// State of the kernel's entry.
    pub state: u16,
    /// Flags of the kernel's entry.
    pub flags: u8,
}

/// One request for each interface.
///
/// # Errors
/// Never.
pub fn interfaces(network: &Network) -> Result<Vec<Request>, MemberError> {
    let requests = network.interfaces.iter().map(|interface| {
        let addresses: Vec<_> = interface.addresses.iter().map(|address| {
            json!({ "family": family(address.address.contains(':')), "address": address.address, "mask": address.prefix.to_string() })
        }).collect();
        let members = json!({ "interface": {
            "device": interface.name, "name": interface.name, "mtu": interface.mtu, "hwAddr": interface.hardware,
            "IPAddresses": addresses, "devicePath": "01", "type_": "", "raw_flags": 0,
        } });
        Request::read(Kind::UpdateInterface, &members)
    });
    requests.collect()
}

/// The routes, all in one request.
///
/// # Errors
/// Never.
pub fn routes(network: &Network) -> Result<Request, MemberError> {
    let routes: Vec<Value> = network
        .routes
        .iter()
        .map(|route| {
            json!({
                "dest": route.destination, "gateway": route.gateway, "device": route.interface,
                "source": route.source, "scope": route.scope, "family": family(route.is_six),
            })
        })
        .collect();
    Request::read(Kind::UpdateRoutes, &json!({ "routes": { "Routes": routes } }))
}

/// The neighbours, all in one request; none if there are none.
///
/// # Errors
/// Never.
pub fn neighbours(network: &Network) -> Result<Option<Request>, MemberError> {
    if network.neighbours.is_empty() {
        return Ok(None);
    }
    let neighbours: Vec<Value> = network
        .neighbours
        .iter()
        .map(|neighbour| {
            json!({
                "toIPAddress": { "family": family(neighbour.address.contains(':')), "address": neighbour.address, "mask": "" },
                "device": neighbour.interface, "lladdr": neighbour.hardware,
                "state": neighbour.state, "flags": neighbour.flags,
            })
        })
        .collect();
    Request::read(Kind::AddArpNeighbors, &json!({ "neighbors": { "ARPNeighbors": neighbours } })).map(Some)
}

fn family(is_six: bool) -> u8 {
    u8::from(is_six)
}
