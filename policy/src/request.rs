//! Requests of the host to the agent, in the JSON form in which the agent shows them to its policy.
//!
//! Every member is present, with its default where it was not set; what has members itself and was not set is `null`.
//! Reading is lenient, as the agent's own structures are: what is missing takes its default, what is unknown is left
//! out. So [`Request::read`] and [`Request::input`] together are the step that every request takes before it is
//! evaluated.
//!
//! Source: `agent.proto` and `oci.proto` of Kata Containers.

mod batch;
pub mod container;
pub mod guest;
pub mod oci;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

pub use batch::{BatchError, Case, MAX_BATCH_LEN, MAX_REQUESTS, read_batch};

use container::{
    Container, CreateContainer, CreateSandbox, ExecProcess, GetDiagnosticData, InContainer, ReadStream,
    RemoveContainer, SignalProcess, TtyWinResize, UpdateContainer, UpdateEphemeralMounts, WriteStream,
};
use guest::{
    AddArpNeighbors, AddSwap, AddSwapPath, CopyFile, Empty, GetIpTables, GuestDetails, MemHotplugByProbe,
    OnlineCpuMem, ReseedRandomDev, ResizeVolume, SetGuestDateTime, SetIpTables, SetPolicy, UpdateInterface,
    UpdateRoutes, VolumeStats,
};

/// Declares all requests: variant, entry point of the policy, members.
macro_rules! requests {
    ($($variant:ident $name:literal $members:ty,)+) => {
        /// What a request asks for. Its name is that of the rule that decides about it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind {
            $(#[doc = concat!("`", $name, "`.")] $variant,)+
        }

        impl Kind {
            /// Every kind, in the order of the agent's functions.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Name of the rule that decides.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        /// A request with its members.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Request {
            $(#[doc = concat!("`", $name, "`.")] $variant(Box<$members>),)+
        }

        impl Request {
            /// What it asks for.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self { $(Self::$variant(_) => Kind::$variant,)+ }
            }

            /// Reads the members of a request, which may be only some of them.
            ///
            /// # Errors
            /// If a member that is known has another type than it must have, with its path.
            pub fn read(kind: Kind, members: &Value) -> Result<Self, MemberError> {
                match kind { $(Kind::$variant => members_of::<$members>(members).map(Self::$variant),)+ }
            }

            /// The members as a policy sees them.
            #[must_use]
            pub fn input(&self) -> Value {
                // Only maps with other keys than texts, and failing writers, are errors here; there are none.
                match self { $(Self::$variant(members) => serde_json::to_value(members).unwrap_or_default(),)+ }
            }
        }
    };
}

requests! {
    CreateSandbox "CreateSandboxRequest" CreateSandbox,
    DestroySandbox "DestroySandboxRequest" Empty,
    CreateContainer "CreateContainerRequest" CreateContainer,
    StartContainer "StartContainerRequest" Container,
    RemoveContainer "RemoveContainerRequest" RemoveContainer,
    ExecProcess "ExecProcessRequest" ExecProcess,
    SignalProcess "SignalProcessRequest" SignalProcess,
    WaitProcess "WaitProcessRequest" InContainer,
    UpdateContainer "UpdateContainerRequest" UpdateContainer,
    UpdateEphemeralMounts "UpdateEphemeralMountsRequest" UpdateEphemeralMounts,
    StatsContainer "StatsContainerRequest" Container,
    PauseContainer "PauseContainerRequest" Container,
    ResumeContainer "ResumeContainerRequest" Container,
    RemoveStaleVirtiofsShareMounts "RemoveStaleVirtiofsShareMountsRequest" Empty,
    GetDiagnosticData "GetDiagnosticDataRequest" GetDiagnosticData,
    WriteStream "WriteStreamRequest" WriteStream,
    ReadStream "ReadStreamRequest" ReadStream,
    CloseStdin "CloseStdinRequest" InContainer,
    TtyWinResize "TtyWinResizeRequest" TtyWinResize,
    UpdateInterface "UpdateInterfaceRequest" UpdateInterface,
    UpdateRoutes "UpdateRoutesRequest" UpdateRoutes,
    AddArpNeighbors "AddARPNeighborsRequest" AddArpNeighbors,
    ListInterfaces "ListInterfacesRequest" Empty,
    ListRoutes "ListRoutesRequest" Empty,
    GetIpTables "GetIPTablesRequest" GetIpTables,
    SetIpTables "SetIPTablesRequest" SetIpTables,
    GetMetrics "GetMetricsRequest" Empty,
    MemAgentMemcg "MemAgentMemcgConfig" Empty,
    MemAgentCompact "MemAgentCompactConfig" Empty,
    OnlineCpuMem "OnlineCPUMemRequest" OnlineCpuMem,
    ReseedRandomDev "ReseedRandomDevRequest" ReseedRandomDev,
    GuestDetails "GuestDetailsRequest" GuestDetails,
    MemHotplugByProbe "MemHotplugByProbeRequest" MemHotplugByProbe,
    SetGuestDateTime "SetGuestDateTimeRequest" SetGuestDateTime,
    CopyFile "CopyFileRequest" CopyFile,
    GetOomEvent "GetOOMEventRequest" Empty,
    AddSwap "AddSwapRequest" AddSwap,
    AddSwapPath "AddSwapPathRequest" AddSwapPath,
    VolumeStats "VolumeStatsRequest" VolumeStats,
    ResizeVolume "ResizeVolumeRequest" ResizeVolume,
    SetPolicy "SetPolicyRequest" SetPolicy,
}

impl Kind {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A member of a request has the wrong type.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("{path}: {reason}")]
pub struct MemberError {
    /// Where, such as `OCI.Process.Args[0]`; `.` for the whole.
    pub path: String,
    /// What is wrong, in the words of the reader of JSON.
    pub reason: String,
}

fn members_of<T: DeserializeOwned>(members: &Value) -> Result<Box<T>, MemberError> {
    serde_path_to_error::deserialize(members)
        .map(Box::new)
        .map_err(|error| MemberError { path: error.path().to_string(), reason: error.inner().to_string() })
}

/// A member whose absence is written as `null` by some senders.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}
