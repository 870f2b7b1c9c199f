//! Intel TDX: the quote, the collateral that endorses it, and its appraisal.
//!
//! Three steps, apart from each other. Parsing turns bytes into types ([`document`], [`Quote`], [`Collateral`]).
//! Verification checks signatures up to a pinned root ([`TrustRoot`]) and finds the status of the platform. A
//! pure function then judges the facts against [`ReferenceValues`]. [`TdxVerifier`] runs the three.
//!
//! Names of fields are those of Intel's "TDX DCAP Quoting Library API" (quote) and "PCS API" (collateral).

mod appraisal;
mod body;
mod certificate;
mod claims;
mod collateral;
mod collateral_verification;
pub mod document;
mod enclave_report;
mod examined;
mod flags;
mod inspection;
mod issuer;
pub mod measurement;
mod message;
mod pck;
mod platform;
mod provider;
mod quote;
mod reference;
mod revocation;
mod root;
mod tcb;
mod validity;
mod verifier;

pub use body::{TdReport, Tdx15Fields};
pub use certificate::CertificateError;
pub use collateral::{Collateral, CollateralError, CollateralParts};
pub use collateral_verification::CollateralFault;
pub use document::{Document, DocumentError};
pub use enclave_report::EnclaveReport;
pub(crate) use examined::Examined;
pub use flags::{TD_ATTRIBUTES, XFAM};
pub use inspection::{CollateralFacts, Inspection, PckFacts, TcbFacts, inspect};
pub(crate) use issuer::TdxIssuer;
pub use pck::{PckCa, PckChainError, PckLink};
pub use provider::AwsLc;
pub use quote::{Header, Quote, QuoteError};
pub use reference::ReferenceValues;
pub use revocation::RevocationListError;
pub use root::TrustRoot;
pub use validity::{Dated, Validity};
pub use verifier::TdxVerifier;
