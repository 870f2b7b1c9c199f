//! The common shape of every appraisal.

use std::{fmt, time::SystemTime};

use crate::{Cause, ClaimValue, Claims, Evidence, EvidenceType, ReportData};

/// Appraises evidence against one entry of reference values.
pub trait Verifier: Send + Sync {
    /// The only type of evidence that this verifier looks at.
    fn evidence_type(&self) -> EvidenceType;

    /// Name of the reference value entry, for messages: `snp-0-MILAN`, `tdx-1`, `simulated-0`.
    fn name(&self) -> &str;

    /// Judges a document of [`Verifier::evidence_type`], which must be bound to `report_data` and valid at `now`.
    ///
    /// # Errors
    /// Everything that does not fit, in the order of the checks.
    fn judge(
        &self,
        document: &[u8],
        report_data: &ReportData,
        now: SystemTime,
    ) -> Result<Appraised, Vec<Finding>>;

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
        let (accepted, found) = (self.evidence_type(), evidence.evidence_type);
        let judged = if found == accepted {
            self.judge(&evidence.document, report_data, now)
        } else {
            Err(vec![Finding::new(Cause::EvidenceType, "evidence type", accepted.name(), found.name())])
        };
        match judged {
            Ok(Appraised { host_data, values }) => {
                Ok(Claims { evidence_type: accepted, accepted_by: self.name().to_owned(), host_data, values })
            }
            Err(findings) => Err(Rejection { verifier: self.name().to_owned(), findings }),
        }
    }
}

/// What an accepted document says.
pub struct Appraised {
    /// See [`Claims::host_data`].
    pub host_data: [u8; 32],
    /// See [`Claims::values`].
    pub values: Vec<(u64, ClaimValue)>,
}

/// One thing that is wrong with a piece of evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind of fault it is.
    pub cause: Cause,
    /// What was looked at, in the words of the platform's specification: `report field HOST_DATA`,
    /// `reported TCB part SNP`, `VCEK certificate validity`.
    pub field: String,
    /// What the reference values, or the specification, ask for.
    pub expected: String,
    /// What the evidence says.
    pub found: String,
}

impl Finding {
    pub(crate) fn new(
        cause: Cause,
        field: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self { cause, field: field.into(), expected: expected.to_string(), found: found.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
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
    Rejected(Vec<Rejection>),
}

/// A line, and below it one for every mismatch.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not accept the evidence", self.verifier)?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

impl std::error::Error for Rejection {}

/// A clause about the peer, and below it a line for every mismatch with every entry.
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
            Self::Rejected(rejections) => {
                f.write_str("its evidence does not fit any entry of the reference values")?;
                let lines = rejections.iter().flat_map(|rejection| {
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
        let refusal = Refusal::Rejected(vec![
            rejection("snp-0-MILAN", vec![finding("report field HOST_DATA"), finding("VMPL")]),
            rejection("snp-1-GENOA", vec![finding("report field MEASUREMENT")]),
        ]);
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
