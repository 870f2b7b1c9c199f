//! How large a manifest may be, part by part.
//!
//! A manifest is kept in memory for as long as it is current, and strangers may send one. Every bound is far above what
//! deployments need, and all of them together keep a Coordinator below the memory that `docs/performance.md` promises.
//! They hold for manifests that are about to be set. What is in a history already was accepted once, and stays readable.

/// Longest manifest that can be set, in bytes.
pub const MAX_MANIFEST_LEN: usize = 1024 * 1024;
/// Longest manifest that a history can hold, in bytes: what could be set before there was [`MAX_MANIFEST_LEN`].
pub const MAX_STORED_MANIFEST_LEN: usize = 4 * 1024 * 1024;
/// Deepest nesting of lists and objects. The schema needs five levels.
pub const MAX_NESTING: usize = 16;
/// Most members of an object that has fixed members.
pub const MAX_MEMBERS: usize = 64;
/// Most policies.
pub const MAX_POLICIES: usize = 4096;
/// Longest policy document, in bytes, that can be set. Kubernetes takes 256 KiB of annotations for a pod, in which it is
/// compressed and in base64; generated ones have some ten KiB.
pub const MAX_POLICY_LEN: usize = 2 * 1024 * 1024;
/// Most entries of all lists of reference values together. Each costs every handshake a comparison.
pub const MAX_ENTRIES: usize = 512;
/// Most chips (`AllowedChipIDs`) or platform instances (`AllowedPIIDs`) of one entry.
pub const MAX_MACHINES: usize = 4096;
/// Longest marker of a platform, in bytes.
pub const MAX_PLATFORM_LEN: usize = 256;
/// Most names of one policy.
pub const MAX_SANS: usize = 128;
/// Longest name, in bytes: that of a SPIFFE ID (SPIFFE-ID, 2.3).
pub const MAX_SAN_LEN: usize = 2048;
/// Most bytes of all names of one policy. They are in each of its certificates, and TLS programs take no more than
/// some ten KiB of those.
pub const MAX_SANS_LEN: usize = 16 * 1024;
/// Longest `WorkloadSecretID`, in bytes.
pub const MAX_SECRET_ID_LEN: usize = 1024;
/// Most workload owners, by key and by digest together. A detached signature is tried with each of them.
pub const MAX_WORKLOAD_OWNERS: usize = 64;
/// Most seed share owners. The seed is encrypted for each of them.
pub const MAX_SEEDSHARE_OWNERS: usize = 64;

/// What a value can have too much of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Limit {
    /// [`MAX_MEMBERS`].
    Members,
    /// [`MAX_POLICIES`].
    Policies,
    /// [`MAX_ENTRIES`].
    Entries,
    /// [`MAX_MACHINES`].
    Machines,
    /// [`MAX_PLATFORM_LEN`].
    PlatformLen,
    /// [`MAX_SANS`].
    Names,
    /// [`MAX_SAN_LEN`].
    NameLen,
    /// [`MAX_SANS_LEN`].
    NamesLen,
    /// [`MAX_SECRET_ID_LEN`].
    SecretIdLen,
    /// [`MAX_WORKLOAD_OWNERS`].
    WorkloadOwners,
    /// [`MAX_SEEDSHARE_OWNERS`].
    SeedShareOwners,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 11] = [
        Self::Members,
        Self::Policies,
        Self::Entries,
        Self::Machines,
        Self::PlatformLen,
        Self::Names,
        Self::NameLen,
        Self::NamesLen,
        Self::SecretIdLen,
        Self::WorkloadOwners,
        Self::SeedShareOwners,
    ];

    /// How many there may be.
    #[must_use]
    pub const fn maximum(self) -> usize {
        match self {
            Self::Members => MAX_MEMBERS,
            Self::Policies => MAX_POLICIES,
            Self::Entries => MAX_ENTRIES,
            Self::Machines => MAX_MACHINES,
            Self::PlatformLen => MAX_PLATFORM_LEN,
            Self::Names => MAX_SANS,
            Self::NameLen => MAX_SAN_LEN,
            Self::NamesLen => MAX_SANS_LEN,
            Self::SecretIdLen => MAX_SECRET_ID_LEN,
            Self::WorkloadOwners => MAX_WORKLOAD_OWNERS,
            Self::SeedShareOwners => MAX_SEEDSHARE_OWNERS,
        }
    }

    /// What is counted, in the plural.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Members => "fields",
            Self::Policies => "policies",
            Self::Entries => "entries in all its lists",
            Self::Machines => "elements",
            Self::PlatformLen | Self::NameLen | Self::SecretIdLen => "bytes",
            Self::Names => "names",
            Self::NamesLen => "bytes in all its names",
            Self::WorkloadOwners => "workload owners by key and digest",
            Self::SeedShareOwners => "seed share owners",
        }
    }

    /// What to do about it.
    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::Members => "remove those that docs/manifest.md does not name",
            Self::Policies => "divide the deployment into several, each with a Coordinator of its own",
            Self::Entries => {
                "write one entry with APEIP instead of one for each number of vCPUs, and remove those of machines that are gone"
            }
            Self::Machines => "divide them among several entries with the same values",
            Self::PlatformLen | Self::NameLen | Self::SecretIdLen => "choose a shorter one",
            Self::Names | Self::NamesLen => {
                "use fewer or shorter names, or a wildcard; a certificate with more is too large for TLS"
            }
            Self::WorkloadOwners | Self::SeedShareOwners => "remove those of people who have left",
        }
    }
}

/// What a manifest is read for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// To be set: limits hold.
    Set,
    /// It is in a history, or is compared with one: nothing but its length is bounded.
    Stored,
}

impl Purpose {
    /// How many of something are read.
    pub(crate) const fn maximum(self, limit: Limit) -> usize {
        match self {
            Self::Set => limit.maximum(),
            Self::Stored => usize::MAX,
        }
    }

    /// Longest document.
    pub(crate) const fn longest(self) -> usize {
        match self {
            Self::Set => MAX_MANIFEST_LEN,
            Self::Stored => MAX_STORED_MANIFEST_LEN,
        }
    }
}
