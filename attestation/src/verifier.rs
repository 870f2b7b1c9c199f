//! The common shape of every appraisal.

use std::{fmt, time::SystemTime};

use crate::{Cause, ClaimValue, Claims, Evidence, EvidenceType, Examination, Finding, Findings, ReportData};

/// How many entries a refusal explains, at most: those with the fewest findings. Whoever is refused by more is not helped
/// by reading what the others have against him.
const EXPLAINED: usize = 8;

/// Appraises evidence against one entry of reference values.
pub trait Verifier: Send + Sync {
    /// The only type of evidence that this verifier looks at.
    fn evidence_type(&self) -> EvidenceType;

    /// Name of the reference value entry, for messages: `snp-0-MILAN`, `tdx-1`, `simulated-0`.
    fn name(&self) -> &str;

    /// Judges evidence of [`Verifier::evidence_type`]. Everything that does not fit goes into `findings`, which are empty
    /// before, in the order of the checks. `None` if there is anything.
    fn judge(&self, examination: &Examination<'_>, findings: &mut Findings) -> Option<Appraised>;

    /// Judges `evidence`, which must be bound to `report_data` and valid at `now`.
    ///
    /// # Errors
    /// A list of everything that does not fit.
    fn appraise(
        &self,
        evidence: &Evidence,
        report_data: &ReportData,
        now: SystemTime,
    ) -> Result<Claims, Rejection> {
        let mut findings = Findings::telling();
        hear(self, &Examination::new(evidence, report_data, now), &mut findings)
            .ok_or_else(|| Rejection { verifier: self.name().to_owned(), findings: findings.into_told() })
    }
}

/// Judges `evidence` by `verifiers`, which are alternatives: the first that accepts decides. It must be bound to
/// `report_data` and valid at `now`.
///
/// What does not depend on the reference values is found out once, however many verifiers there are.
///
/// # Errors
/// No verifier for this type of evidence, or what those that come nearest to accepting it have against it.
pub fn appraise(
    verifiers: &[Box<dyn Verifier>],
    evidence: &Evidence,
    report_data: &ReportData,
    now: SystemTime,
) -> Result<Claims, Refusal> {
    let sent = evidence.evidence_type;
    let examination = Examination::new(evidence, report_data, now);
    let mut refusing = Vec::new();
    for verifier in verifiers.iter().filter(|verifier| verifier.evidence_type() == sent) {
        let mut findings = Findings::counting();
        match hear(verifier.as_ref(), &examination, &mut findings) {
            Some(claims) => return Ok(claims),
            None => refusing.push((findings.count(), verifier)),
        }
    }
    if refusing.is_empty() {
        let mut accepted: Vec<_> = verifiers.iter().map(|verifier| verifier.evidence_type()).collect();
        accepted.sort_by_key(|evidence_type| evidence_type.oid());
        accepted.dedup();
        return Err(Refusal::NoVerifier { sent: vec![sent], accepted });
    }
    refusing.sort_by_key(|(count, _)| *count);
    let nearest = refusing.iter().take(EXPLAINED).map(|(_, verifier)| {
        let mut findings = Findings::telling();
        hear(verifier.as_ref(), &examination, &mut findings);
        Rejection { verifier: verifier.name().to_owned(), findings: findings.into_told() }
    });
    Err(Refusal::Rejected { nearest: nearest.collect(), others: refusing.len().saturating_sub(EXPLAINED) })
}

/// The claims, if the verifier accepts the evidence.
fn hear<V: Verifier + ?Sized>(
    verifier: &V,
    examination: &Examination<'_>,
    findings: &mut Findings,
) -> Option<Claims> {
    let (accepted, found) = (verifier.evidence_type(), examination.evidence().evidence_type);
    if found != accepted {
        findings.add(Cause::EvidenceType, "evidence type", accepted.name(), found.name());
        return None;
    }
    let Appraised { host_data, values } = verifier.judge(examination, findings)?;
    Some(Claims { evidence_type: accepted, accepted_by: verifier.name().to_owned(), host_data, values })
}

/// What an accepted document says.
pub struct Appraised {
    /// See [`Claims::host_data`].
    pub host_data: [u8; 32],
    /// See [`Claims::values`].
    pub values: Vec<(u64, ClaimValue)>,
}

/// Why one reference value entry does not accept a piece of evidence. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// [`Verifier::name`].
    pub verifier: String,
    /// Every mismatch, in the order of the checks.
    pub findings: Vec<Finding>,
}

/// Why no verifier accepts a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The peer's certificate has no attestation extension.
    NoEvidence,
    /// The peer sent evidence of a type that no reference value entry speaks of.
    NoVerifier {
        /// What the peer sent.
        sent: Vec<EvidenceType>,
        /// What there are entries for.
        accepted: Vec<EvidenceType>,
    },
    /// Every entry of the right type has something against it.
    Rejected {
        /// What the entries that come nearest to accepting it have against it, the nearest first. At most eight.
        nearest: Vec<Rejection>,
        /// How many entries there are besides.
        others: usize,
    },
}

/// A line, and below it one for every mismatch.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not accept the evidence", self.verifier)?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

impl std::error::Error for Rejection {}

/// A clause about the peer, and below it a line for every mismatch with the entries that come nearest.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEvidence => f.write_str("its certificate carries no evidence"),
            Self::NoVerifier { sent, accepted } => {
                write!(
                    f,
                    "it sent {} evidence, and the reference values speak of {}",
                    list(sent),
                    list(accepted)
                )
            }
            Self::Rejected { nearest, others } => {
                f.write_str("its evidence does not fit any entry of the reference values")?;
                if *others > 0 {
                    write!(f, ", of which these {} come nearest, and {others} others do not", nearest.len())?;
                }
                let lines = nearest.iter().flat_map(|rejection| {
                    rejection.findings.iter().map(|finding| (&rejection.verifier, finding))
                });
                lines.into_iter().try_for_each(|(name, finding)| write!(f, "\n  {name}: {finding}"))
            }
        }
    }
}

impl std::error::Error for Refusal {}

fn list(types: &[EvidenceType]) -> String {
    if types.is_empty() {
        return "nothing".to_owned();
    }
    types.iter().map(|evidence_type| evidence_type.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mismatch_of_every_entry_is_told() {
        let finding = |field| Finding::new(Cause::Measurement, field, 1, 2);
        let rejection = |name: &str, findings| Rejection { verifier: name.to_owned(), findings };
        let nearest = vec![
            rejection("snp-0-MILAN", vec![finding("report field HOST_DATA"), finding("VMPL")]),
            rejection("snp-1-GENOA", vec![finding("report field MEASUREMENT")]),
        ];
        let refusal = Refusal::Rejected { nearest, others: 0 };
        assert_eq!(
            refusal.to_string(),
            "its evidence does not fit any entry of the reference values\n  \
             snp-0-MILAN: report field HOST_DATA: expected 1, found 2\n  \
             snp-0-MILAN: VMPL: expected 1, found 2\n  \
             snp-1-GENOA: report field MEASUREMENT: expected 1, found 2"
        );
    }

    #[test]
    fn evidence_that_nothing_speaks_of_is_named() {
        let refusal = Refusal::NoVerifier { sent: vec![EvidenceType::Simulated], accepted: vec![] };
        let text = "it sent simulated SEV-SNP (not confidential) evidence, and the reference values speak of nothing";
        assert_eq!(refusal.to_string(), text);
    }
}
