//! The judgement over a peer's certificate.

use std::time::SystemTime;

use super::{certificate::PeerCertificate, nonce::Nonce};
use crate::{Claims, Refusal, ReportData, Verifier};

/// Judges the evidence in `certificate`, which must be bound to the `nonce` that this side chose.
///
/// # Errors
/// No evidence, or that of [`crate::appraise`].
pub(super) fn appraise(
    certificate: &PeerCertificate,
    nonce: &Nonce,
    verifiers: &[Box<dyn Verifier>],
    now: SystemTime,
) -> Result<Claims, Refusal> {
    let evidence = certificate.evidence().ok_or(Refusal::NoEvidence)?;
    let report_data = ReportData::for_tls_key(&certificate.spki_der, nonce.as_bytes());
    crate::appraise(verifiers, evidence, &report_data, now)
}
