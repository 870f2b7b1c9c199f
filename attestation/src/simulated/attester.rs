//! The attester of a guest on a simulated processor.

use super::Processor;
use crate::{AttestError, Attester, Evidence, EvidenceType, ReportData};

/// Makes evidence of a simulated guest.
#[derive(Clone)]
pub struct SimulatedAttester {
    processor: Processor,
    host_data: [u8; 32],
}

impl SimulatedAttester {
    pub(super) fn new(processor: Processor, host_data: [u8; 32]) -> Self {
        Self { processor, host_data }
    }
}

impl Attester for SimulatedAttester {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Simulated
    }

    /// One signature, as TLS itself makes on the same thread.
    fn waits(&self) -> bool {
        false
    }

    fn attest(&self, report_data: &ReportData) -> Result<Evidence, AttestError> {
        Ok(self.processor.report_builder(self.host_data, *report_data).evidence()?)
    }
}
