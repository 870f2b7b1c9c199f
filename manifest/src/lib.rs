//! The manifest of a deployment: which pods may exist, on which hardware, and who may change that.
//!
//! [`ManifestDocument::parse`] reads one and reports everything that is wrong with it, each with its
//! JSON path. The exact bytes are kept: they are what is hashed, stored, sent and compared.
//! [`Manifest::verifiers`] turns its reference values into judges of evidence. Beside it live the keys
//! that a deployment's owners hold ([`WorkloadOwnerKey`], [`SeedShareOwnerKey`]), the encrypted seed
//! ([`SeedShares`]), who may be given it ([`SeedAccess`]), and the hash that links one manifest to the one before
//! ([`transition_hash`]).

mod collateral;
mod decode;
mod document;
mod error;
mod json;
mod json_schema;
mod keys;
mod limits;
mod owners;
mod schema;
mod seed_access;
mod seed_consent;
mod seed_shares;
mod subject;
mod transition;
mod verifiers;

pub use document::ManifestDocument;
pub use error::{Fault, ManifestErrors, Problem};
pub use json::{JsonPath, Place};
pub use json_schema::json_schema;
pub use keys::{KeyFileError, SeedShareOwnerKey, WorkloadOwnerKey};
pub use limits::{
    Limit, MAX_ENTRIES, MAX_MACHINES, MAX_MANIFEST_LEN, MAX_MEMBERS, MAX_NESTING, MAX_PLATFORM_LEN,
    MAX_POLICIES, MAX_POLICY_LEN, MAX_SAN_LEN, MAX_SANS, MAX_SANS_LEN, MAX_SECRET_ID_LEN,
    MAX_SEEDSHARE_OWNERS, MAX_STORED_MANIFEST_LEN, MAX_WORKLOAD_OWNERS,
};
pub use owners::{OwnerKeyFault, SeedShareOwner, WorkloadOwner, WorkloadOwners};
pub use schema::{Manifest, PolicyEntry, ReferenceValues, Role, SimulatedEntry, SnpEntry, TdxEntry};
pub use seed_access::{ConsentFault, SeedAccess, SeedGrounds};
pub use seed_consent::SeedConsent;
pub use seed_shares::{SALT_LEN, SEED_LEN, SeedShare, SeedShareError, SeedShares, encrypt_seed};
pub use subject::SubjectAltName;
pub use transition::{NO_TRANSITION, transition_hash};
pub use verifiers::Audience;
