//! The judgement over a peer's certificate.

use std::time::SystemTime;

use super::{certificate::PeerCertificate, nonce::Nonce};
use crate::{Claims, Refusal, ReportData, Verifier};

/// Judges the evidence in `certificate`, which must be bound to the `nonce` that this side chose.
///
/// Verifiers are alternatives: the first that accepts decides. All that are of the right type and do not
/// accept are heard in the refusal.
///
/// # Errors
/// No evidence, no verifier for it, or every verifier's rejection.
pub(super) fn appraise(
    certificate: &PeerCertificate,
    nonce: &Nonce,
    verifiers: &[Box<dyn Verifier>],
    now: SystemTime,
) -> Result<Claims, Refusal> {
    let evidence = certificate.evidence().ok_or(Refusal::NoEvidence)?;
    let report_data = ReportData::for_tls_key(&certificate.spki_der, nonce.as_bytes());
    let mut rejections = Vec::new();
    for verifier in verifiers.iter().filter(|verifier| verifier.evidence_type() == evidence.evidence_type) {
        match verifier.appraise(evidence, &report_data, now) {
            Ok(claims) => return Ok(claims),
            Err(rejection) => rejections.push(rejection),
        }
    }
    if rejections.is_empty() {
        let mut accepted: Vec<_> = verifiers.iter().map(|verifier| verifier.evidence_type()).collect();
        accepted.sort_by_key(|evidence_type| evidence_type.oid());
        accepted.dedup();
        return Err(Refusal::NoVerifier { sent: vec![evidence.evidence_type], accepted });
    }
    Err(Refusal::Rejected(rejections))
}
