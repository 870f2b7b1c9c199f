//! Evidence of a TDX guest: its quote.

use super::Document;
use crate::{
    AttestError, Attester, Evidence, EvidenceType, ReportData,
    configfs_tsm::{Blobs, ConfigfsTsm},
};

/// Makes evidence of the guest that the program runs in. The quoting enclave adds the PCK certificates; Intel's
/// other collateral is for the verifier to get.
pub(crate) struct TdxIssuer {
    pub(crate) configfs: ConfigfsTsm,
}

impl Attester for TdxIssuer {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Tdx
    }

    fn attest(&self, report_data: &ReportData) -> Result<Evidence, AttestError> {
        evidence(&self.configfs.report(report_data)?, report_data)
    }
}

fn evidence(blobs: &Blobs, report_data: &ReportData) -> Result<Evidence, AttestError> {
    let document = Document::from_platform(&blobs.report)?;
    if document.quote.body.report_data != report_data.0 {
        return Err(AttestError::OtherReportData);
    }
    Ok(Evidence { evidence_type: EvidenceType::Tdx, document: document.encode() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_quote_is_refused() {
        for report in [Vec::new(), vec![0; 5000], vec![4; 100]] {
            let blobs = Blobs { report, added_by_host: Vec::new() };
            assert!(matches!(evidence(&blobs, &ReportData([0; 64])), Err(AttestError::Quote(_))));
        }
    }
}
