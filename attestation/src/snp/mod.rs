//! AMD SEV-SNP: the attestation report, its endorsement, and its appraisal.
//!
//! Three steps, apart from each other. Parsing turns bytes into types ([`document`], [`Report`]).
//! Verification checks signatures up to a pinned root ([`TrustAnchor`]). A pure function then judges the
//! facts against [`ReferenceValues`]. [`SnpVerifier`] runs the three, for real and simulated evidence alike.

mod appraisal;
mod candidates;
pub(crate) mod certificate;
pub mod certificate_table;
pub(crate) mod chain;
mod chain_findings;
mod claims;
pub mod crl;
pub mod document;
pub(crate) mod endorsement;
mod examined;
pub mod id_block;
mod inspection;
mod issuer;
pub mod measurement;
pub(crate) mod memo;
mod policy;
mod product;
mod reference;
mod report;
mod revocation;
pub(crate) mod roots;
pub mod signature;
mod signer_info;
mod tcb;
mod verifier;
mod vmsa;

pub use chain::TrustAnchor;
pub use document::{Document, DocumentError, Endorsements};
pub(crate) use examined::Examined;
pub use inspection::{EndorsementFacts, Inspection, InspectionRoot, RevocationListFacts, inspect};
pub(crate) use issuer::{Reports, SnpIssuer};
pub use policy::{GuestPolicy, GuestPolicyError, PlatformInfo, UnknownPlatformInfoBits};
pub use product::{CpuId, Product};
pub use reference::ReferenceValues;
pub use report::{FirmwareVersion, MitigationVectors, Report, ReportError};
pub use revocation::Revocation;
pub use signer_info::{SignerInfo, SignerInfoError, SigningKey};
pub use tcb::{PartBelow, ReservedTcbBits, TcbParts};
pub use verifier::SnpVerifier;
