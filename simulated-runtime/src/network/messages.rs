//! Messages of the kernel about networks (netlink(7), rtnetlink(7)). In the machine's order of bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const DONE: u16 = 3;
const ERROR: u16 = 2;
/// A request for everything of a kind: `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
const HEADER: usize = 16;
const IFF_LOOPBACK: u32 = 8;
const MAIN_TABLE: u8 = 254;
const UNICAST: u8 = 1;
const PERMANENT: u16 = 0x80;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Link,
    Address,
    Route,
    Neighbour,
}

impl Kind {
    /// Number of the question. That of an answer is two less.
    fn number(self) -> u16 {
        match self {
            Self::Link => 18,
            Self::Address => 22,
            Self::Route => 26,
            Self::Neighbour => 30,
        }
    }
}

/// One thing that the kernel says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Message {
    Link(Link),
    Address(Found),
    Route(Route),
    Neighbour(Neighbour),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) hardware: String,
    pub(super) mtu: u32,
    pub(super) is_loopback: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) index: u32,
    pub(super) address: IpAddr,
    pub(super) prefix: u8,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Route {
    pub(super) is_six: bool,
    pub(super) destination: Option<IpAddr>,
    pub(super) prefix: u8,
    pub(super) gateway: Option<IpAddr>,
    pub(super) source: Option<IpAddr>,
    pub(super) interface: u32,
    pub(super) scope: u8,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Neighbour {
    pub(super) address: IpAddr,
    pub(super) interface: u32,
    pub(super) hardware: String,
    pub(super) state: u16,
    pub(super) flags: u8,
}

/// Part of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Message(Message),
    /// Something that is not asked for, or cannot be read.
    Other,
    Done,
    Error(i32),
}

/// The bytes of a question.
pub(super) fn question(kind: Kind) -> Vec<u8> {
    // Its body is long enough for all kinds, and says nothing.
    let length: u32 = 32;
    let mut question = length.to_ne_bytes().to_vec();
    question.extend(kind.number().to_ne_bytes());
    question.extend(DUMP.to_ne_bytes());
    question.extend(1_u32.to_ne_bytes());
    question.extend([0; 20]);
    question
}

/// What a datagram of the kernel says.
pub(super) fn steps(mut datagram: &[u8]) -> Vec<Step> {
    let mut all = Vec::new();
    while let (Some(length), Some(kind)) = (u32_at(datagram, 0), u16_at(datagram, 4)) {
        let length = length as usize;
        let Some(body) = datagram.get(HEADER..length) else { break };
        all.push(match kind {
            DONE => Step::Done,
            ERROR => match u32_at(body, 0) {
                // The kernel's numbers are negative.
                Some(number) if number != 0 => Step::Error(number.wrapping_neg().cast_signed()),
                _ => Step::Done,
            },
            kind => message(kind, body).map_or(Step::Other, Step::Message),
        });
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
    }
    all
}

fn message(kind: u16, body: &[u8]) -> Option<Message> {
    match kind {
        16 => link(body).map(Message::Link),
        20 => address(body).map(Message::Address),
        24 => route(body).map(Message::Route),
        28 => neighbour(body).map(Message::Neighbour),
        _ => None,
    }
}

fn link(body: &[u8]) -> Option<Link> {
    let attributes = body.get(16..)?;
    let name = attribute(attributes, 3)?;
    let name = name.split(|byte| *byte == 0).next()?;
    Some(Link {
        index: u32_at(body, 4)?,
        name: String::from_utf8_lossy(name).into_owned(),
        hardware: hardware(attribute(attributes, 1).unwrap_or_default()),
        mtu: attribute(attributes, 4).and_then(|mtu| u32_at(mtu, 0)).unwrap_or_default(),
        is_loopback: u32_at(body, 8)? & IFF_LOOPBACK != 0,
    })
}

fn address(body: &[u8]) -> Option<Found> {
    let attributes = body.get(8..)?;
    // Where two ends of a line have addresses, the second is the one of this end.
    let local = attribute(attributes, 2).or(attribute(attributes, 1))?;
    Some(Found { index: u32_at(body, 4)?, address: ip(local)?, prefix: *body.get(1)? })
}

fn route(body: &[u8]) -> Option<Route> {
    let attributes = body.get(12..)?;
    let (table, kind) = (*body.get(4)?, *body.get(7)?);
    if table != MAIN_TABLE || kind != UNICAST {
        return None;
    }
    let of = |kind| attribute(attributes, kind).and_then(ip);
    Some(Route {
        is_six: *body.first()? == 10,
        destination: of(1),
        prefix: *body.get(1)?,
        gateway: of(5),
        source: of(7),
        interface: attribute(attributes, 4).and_then(|index| u32_at(index, 0)).unwrap_or_default(),
        scope: *body.get(6)?,
    })
}

/// Those that somebody wrote there; the others come and go.
fn neighbour(body: &[u8]) -> Option<Neighbour> {
    let attributes = body.get(12..)?;
    let state = u16_at(body, 8)?;
    if state & PERMANENT == 0 {
        return None;
    }
    let address = ip(attribute(attributes, 1)?)?;
    // The kernel's own entries for groups of addresses.
    if address.is_multicast() {
        return None;
    }
    let hardware = hardware(attribute(attributes, 2)?);
    Some(Neighbour { address, interface: u32_at(body, 4)?, hardware, state, flags: *body.get(10)? })
}

/// The value of the first attribute of a kind.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (length, kind) = (usize::from(u16_at(attributes, 0)?), u16_at(attributes, 2)?);
        let value = attributes.get(4..length)?;
        // Without the two bits that say how it is written.
        if kind & 0x3FFF == wanted {
            return Some(value);
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|six| Ipv6Addr::from(six).into())
}

fn hardware(bytes: &[u8]) -> String {
    bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4).max(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}
