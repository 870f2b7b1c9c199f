//! What a manifest says.

use std::collections::BTreeMap;

use contrast_attestation::snp;

use crate::{SeedShareOwner, WorkloadOwners};

/// A valid manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The pods that may exist, by the SHA-256 of their policy document (their host data).
    /// At least one has the role of the Coordinator.
    pub policies: BTreeMap<[u8; 32], PolicyEntry>,
    /// The hardware that pods may run on.
    pub reference_values: ReferenceValues,
    /// Who may replace the manifest.
    pub workload_owners: WorkloadOwners,
    /// Who receives the seed, encrypted, and may recover a restarted Coordinator.
    pub seedshare_owners: Vec<SeedShareOwner>,
    /// `MinimumAPIVersion`, the oldest version of the HTTP API that may be spoken: 1 for `v1`.
    pub minimum_api_version: Option<u32>,
}

impl Manifest {
    /// The policies that a Coordinator may run under, ascending.
    pub fn coordinator_policies(&self) -> impl Iterator<Item = [u8; 32]> + '_ {
        self.policies.iter().filter(|(_, entry)| entry.role == Role::Coordinator).map(|(digest, _)| *digest)
    }
}

/// One kind of pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyEntry {
    /// Names that its mesh certificate is issued for, as written; [`crate::SubjectAltName`] reads one.
    pub sans: Vec<String>,
    /// What its workload secret is derived from; `None`: it gets no secret.
    pub workload_secret_id: Option<String>,
    /// What it is to the deployment.
    pub role: Role,
}

/// What a pod is to the deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// An ordinary pod.
    Workload,
    /// The Coordinator.
    Coordinator,
}

/// The hardware that pods may run on. At least one entry altogether.
#[derive(Clone, Debug, Default)]
pub struct ReferenceValues {
    /// AMD SEV-SNP.
    pub snp: Vec<SnpEntry>,
    /// Intel TDX.
    pub tdx: Vec<TdxEntry>,
    /// Simulated processors. Never together with one of the others.
    pub simulated: Vec<SimulatedEntry>,
}

/// An entry of `ReferenceValues.snp`.
#[derive(Clone, Debug)]
pub struct SnpEntry {
    /// Marker of the platform that the entry was written for, for example `Metal-QEMU-SNP`.
    pub platform: Option<String>,
    /// The values; `allowed_host_data` is empty here and filled in for an audience.
    pub values: snp::ReferenceValues,
}

/// An entry of `ReferenceValues.simulated`.
#[derive(Clone, Debug)]
pub struct SimulatedEntry {
    /// SHA-256 of the DER of the simulator's root certificate (its ARK).
    pub root: [u8; 32],
    /// The values; `allowed_host_data` is empty here and filled in for an audience.
    pub values: snp::ReferenceValues,
}

/// An entry of `ReferenceValues.tdx`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TdxEntry {
    /// Marker of the platform that the entry was written for, for example `Metal-QEMU-TDX`.
    pub platform: Option<String>,
    /// Oldest acceptable TCB evaluation data; `None`: any.
    pub minimum_tcb_evaluation_data_number: Option<u32>,
    /// Launch measurement of the TD.
    pub mr_td: [u8; 48],
    /// Measurement of the TDX module.
    pub mr_seam: [u8; 48],
    /// The four run-time measurement registers.
    pub rtmrs: [[u8; 48]; 4],
    /// Extended features of the TD.
    pub xfam: [u8; 8],
    /// Platform instances (PIID) that are acceptable; empty: any.
    pub allowed_piids: Vec<[u8; 16]>,
    /// Whether the platform must protect the integrity of its memory.
    pub memory_integrity: bool,
    /// Whether simultaneous multithreading must be off.
    pub smt_disabled: bool,
    /// Whether the platform must be one to which no processor can be added.
    pub static_platform: bool,
}
