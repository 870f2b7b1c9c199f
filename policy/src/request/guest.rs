//! Requests about the guest: files, network, memory, time.

use serde::{Deserialize, Serialize};

/// Write a file of the folder that guest and host share by copying. A summary of the message: content is never shown to
/// policies.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyFile {
    /// Path in the guest.
    pub path: String,
    /// `Regular`, `Directory`, `Symlink` or `Unknown`.
    pub file_type: String,
    /// Where a symbolic link points.
    pub symlink_target: Option<String>,
    /// Bytes of the whole file.
    pub file_size: i64,
    /// Kind and permission bits.
    pub file_mode: u32,
    /// Permission bits of folders that are made.
    pub dir_mode: u32,
    /// Owner.
    pub uid: i32,
    /// Group.
    pub gid: i32,
    /// Where in the file this part begins.
    pub offset: i64,
}

/// Set a network interface up.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateInterface {
    /// The interface.
    pub interface: Option<Interface>,
}

/// A network interface.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Name on the host.
    pub device: String,
    /// Name in the guest.
    pub name: String,
    /// Its addresses.
    #[serde(rename = "IPAddresses")]
    pub ip_addresses: Vec<IpAddress>,
    /// Bytes of the largest packet.
    pub mtu: u64,
    /// Hardware address.
    #[serde(rename = "hwAddr")]
    pub hw_addr: String,
    /// How the agent finds its device.
    #[serde(rename = "devicePath")]
    pub device_path: String,
    /// Kind, such as `veth`.
    #[serde(rename = "type_")]
    pub kind: String,
    /// Flags of the kernel.
    pub raw_flags: u32,
}

/// An address.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct IpAddress {
    /// 0 for IPv4, 1 for IPv6.
    pub family: i32,
    /// The address.
    pub address: String,
    /// Length of the prefix, in decimal.
    pub mask: String,
}

/// Replace the routes.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateRoutes {
    /// The routes.
    pub routes: Option<Routes>,
}

/// A list of routes.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Routes {
    /// The routes.
    pub routes: Vec<Route>,
}

/// A route.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// Destination; empty for the default route.
    pub dest: String,
    /// Gateway.
    pub gateway: String,
    /// Interface.
    pub device: String,
    /// Address that packets are sent from.
    pub source: String,
    /// Scope of the kernel.
    pub scope: u32,
    /// 0 for IPv4, 1 for IPv6.
    pub family: i32,
    /// Flags of the kernel.
    pub flags: u32,
    /// Bytes of the largest packet.
    pub mtu: u32,
}

/// Say which hardware address a neighbour has.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AddArpNeighbors {
    /// The neighbours.
    pub neighbors: Option<ArpNeighbors>,
}

/// A list of neighbours.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ArpNeighbors {
    /// The neighbours.
    #[serde(rename = "ARPNeighbors")]
    pub arp_neighbors: Vec<ArpNeighbor>,
}

/// A neighbour.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ArpNeighbor {
    /// Its address.
    #[serde(rename = "toIPAddress")]
    pub to_ip_address: Option<IpAddress>,
    /// Interface.
    pub device: String,
    /// Hardware address.
    pub lladdr: String,
    /// State of the kernel's entry.
    pub state: i32,
    /// Flags of the kernel's entry.
    pub flags: i32,
}

/// Replace the policy.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SetPolicy {
    /// Its text.
    pub policy: String,
}

/// Put processors and memory into service.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct OnlineCpuMem {
    /// Whether to wait for them.
    pub wait: bool,
    /// How many processors.
    pub nb_cpus: u32,
    /// Whether only processors.
    pub cpu_only: bool,
}

/// Ask what the guest is.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GuestDetails {
    /// Whether to say how large blocks of memory are.
    pub mem_block_size: bool,
    /// Whether to say how memory is added.
    pub mem_hotplug_probe: bool,
}

/// Add memory.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MemHotplugByProbe {
    /// Where it begins.
    #[serde(rename = "memHotplugProbeAddr")]
    pub addresses: Vec<u64>,
}

/// Set the clock.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SetGuestDateTime {
    /// Seconds since 1970.
    pub sec: i64,
    /// And microseconds.
    pub usec: i64,
}

/// Add randomness to the kernel's.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ReseedRandomDev {
    /// What is added.
    pub data: Vec<u8>,
}

/// Ask how full a volume is.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeStats {
    /// Path in the guest.
    pub volume_guest_path: String,
}

/// Change the size of a volume.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ResizeVolume {
    /// Path in the guest.
    pub volume_guest_path: String,
    /// Bytes.
    pub size: u64,
}

/// Swap to a device.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AddSwap {
    /// Where it is on the bus.
    #[serde(rename = "PCIPath")]
    pub pci_path: Vec<u32>,
}

/// Swap to a device or file.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AddSwapPath {
    /// Path in the guest.
    pub path: String,
}

/// Read the packet filter.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GetIpTables {
    /// Whether that of IPv6.
    pub is_ipv6: bool,
}

/// Replace the packet filter.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SetIpTables {
    /// Whether that of IPv6.
    pub is_ipv6: bool,
    /// Its text.
    pub data: Vec<u8>,
}

/// A request without members that matter to a policy.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Empty {}
