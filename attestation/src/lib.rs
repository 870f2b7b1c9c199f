//! Evidence, its appraisal, and TLS connections bound to it, in the words of RFC 9334.
//!
//! An [`Attester`] makes [`Evidence`] for 64 bytes of [`ReportData`]; a [`Verifier`] appraises it
//! against the reference values it was built from and returns [`Claims`], or a [`Rejection`] that
//! lists everything that was wrong. [`atls`] binds both to TLS.

pub mod atls;
mod attest_error;
mod cause;
mod certificate_facts;
mod check;
mod claims;
pub mod collateral;
mod collateral_source;
mod configfs_tsm;
mod cursor;
mod detect;
mod evidence;
mod examination;
mod findings;
pub mod firmware;
mod guid;
mod host_data;
mod moment;
mod nearest;
pub mod simulated;
pub mod snp;
pub mod tdx;
mod verifier;
mod x509;

pub use attest_error::AttestError;
pub use cause::Cause;
pub use certificate_facts::{CertificateFacts, Origin};
pub use check::Check;
pub use claims::{ClaimValue, Claims};
pub use collateral_source::{CollateralSource, Missing, NoCollateral};
pub use detect::{AttesterKind, UnknownAttesterKind, detect, detect_with};
pub use evidence::{Attester, Evidence, EvidenceType, ReportData};
pub use examination::Examination;
pub use findings::{Finding, Findings};
pub use host_data::HostDataSet;
pub use verifier::{Appraised, Refusal, Rejection, Verifier, appraise};
