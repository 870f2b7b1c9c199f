//! Network namespaces of pods: what is in them, asked of the kernel (rtnetlink(7)).

mod messages;
#[cfg(test)]
mod tests;

use std::{fs::File, io, os::fd::AsFd as _, os::unix::fs::MetadataExt as _, path::Path, thread};

use rustix::{
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, sendto, socket_with},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use crate::requests::{Address, Interface, Neighbour, Network, Route};
use messages::{Kind, Message, Step};

/// Most bytes of an answer of the kernel. One interface or route has a few hundred.
const MAX_ANSWER: usize = 4 << 20;
/// Longer than any message of the kernel.
const BUFFER: usize = 64 << 10;

/// The network namespace of a pod.
#[derive(Debug)]
pub(crate) struct Namespace(File);

impl Namespace {
    /// The one that a path shows.
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// Whether it is the node's own: then nothing of it is the pod's.
    pub(crate) fn is_of_node(&self) -> io::Result<bool> {
        let (this, own) = (self.0.metadata()?, Path::new("/proc/self/ns/net").metadata()?);
        Ok((this.dev(), this.ino()) == (own.dev(), own.ino()))
    }

    /// Does something inside of it, on a thread of its own.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let inside = || {
            move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        };
        thread::scope(|scope| match thread::Builder::new().spawn_scoped(scope, inside)?.join() {
            Ok(done) => done,
            Err(_) => Err(io::Error::other("the thread in the network namespace ended")),
        })
    }

    /// What is in it.
    pub(crate) fn read(&self) -> io::Result<Network> {
        self.inside(here)
    }
}

/// What is in the namespace of this thread.
fn here() -> io::Result<Network> {
    let links = ask(Kind::Link)?;
    let addresses = ask(Kind::Address)?;
    let name_of = |index: u32| {
        let found = links.iter().find_map(|message| match message {
            Message::Link(link) if link.index == index => Some(link.name.clone()),
            _ => None,
        });
        found.unwrap_or_default()
    };
    let mut network = Network::default();
    for message in &links {
        let Message::Link(link) = message else { continue };
        if link.is_loopback {
            continue;
        }
        let own = addresses.iter().filter_map(|message| match message {
            Message::Address(found) if found.index == link.index => {
                Some(Address { address: found.address.to_string(), prefix: found.prefix })
            }
            _ => None,
        });
        network.interfaces.push(Interface {
            name: link.name.clone(),
            hardware: link.hardware.clone(),
            mtu: link.mtu,
            addresses: own.collect(),
        });
    }
    for message in ask(Kind::Route)? {
        let Message::Route(route) = message else { continue };
        let text = |address: Option<std::net::IpAddr>| {
            address.map(|address| address.to_string()).unwrap_or_default()
        };
        network.routes.push(Route {
            is_six: route.is_six,
            destination: route.destination.map_or_else(String::new, |to| format!("{to}/{}", route.prefix)),
            gateway: text(route.gateway),
            interface: name_of(route.interface),
            source: text(route.source),
            scope: route.scope,
        });
    }
    for message in ask(Kind::Neighbour)? {
        let Message::Neighbour(neighbour) = message else { continue };
        network.neighbours.push(Neighbour {
            address: neighbour.address.to_string(),
            interface: name_of(neighbour.interface),
            hardware: neighbour.hardware,
            state: neighbour.state,
            flags: neighbour.flags,
        });
    }
    Ok(network)
}

/// Everything of a kind that the kernel has.
fn ask(kind: Kind) -> io::Result<Vec<Message>> {
    // Protocol 0 of this family is that of networks: `NETLINK_ROUTE`.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let kernel = netlink::SocketAddrNetlink::new(0, 0);
    sendto(&socket, &messages::question(kind), SendFlags::empty(), &kernel)?;
    let mut buffer = vec![0; BUFFER];
    let (mut all, mut read) = (Vec::new(), 0);
    loop {
        let (length, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        read += length;
        let answer = buffer.get(..length).unwrap_or_default();
        if length == 0 || read > MAX_ANSWER {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer has no end"));
        }
        for step in messages::steps(answer) {
            match step {
                Step::Message(message) => all.push(message),
                Step::Other => {}
                Step::Done => return Ok(all),
                Step::Error(number) => return Err(io::Error::from_raw_os_error(number)),
            }
        }
    }
}
