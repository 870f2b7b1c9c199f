//! Reads evidence from a file, in each of the forms in which it gets there.

use contrast_attestation::{
    Evidence, EvidenceType, ReportData,
    snp::{self, Endorsements, Report, ReportError},
    tdx,
};

/// Evidence as a file has it.
pub(super) struct FileEvidence {
    pub(super) evidence: Evidence,
    /// What it says that it is bound to.
    pub(super) report_data: ReportData,
    /// Does a revocation list come with it?
    pub(super) has_revocation_list: bool,
    /// The form, for people.
    pub(super) form: &'static str,
}

/// Why bytes are not evidence.
#[derive(thiserror::Error, Debug)]
pub(super) enum UnknownFormat {
    /// As long as an SNP report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// It begins like a TDX quote.
    #[error(transparent)]
    Quote(#[from] tdx::QuoteError),
    /// Neither of the documents.
    #[error("as SNP evidence, the {snp}; as TDX evidence, the {tdx}")]
    Document { snp: snp::DocumentError, tdx: tdx::DocumentError },
}

impl FileEvidence {
    /// Reads a report, a quote, or a document. Evidence of the SNP layout does not say what is below it:
    /// `simulated` does.
    pub(super) fn read(bytes: &[u8], simulated: bool) -> Result<Self, UnknownFormat> {
        if bytes.len() == Report::LENGTH {
            let report = Report::parse(bytes)?;
            let document = snp::Document { report, endorsements: Endorsements::default(), product: None };
            return Ok(Self::snp(&document, simulated, "SNP report"));
        }
        // No protobuf message begins like this: there is no field 0.
        if let [4 | 5, 0, ..] = bytes {
            return Ok(Self::tdx(&tdx::Document::from_platform(bytes)?, "TDX quote"));
        }
        match (snp::document::parse(bytes), tdx::document::parse(bytes)) {
            (Ok(document), _) => Ok(Self::snp(&document, simulated, "SNP document")),
            (_, Ok(document)) => Ok(Self::tdx(&document, "TDX document")),
            (Err(snp), Err(tdx)) => Err(UnknownFormat::Document { snp, tdx }),
        }
    }

    fn snp(document: &snp::Document, simulated: bool, form: &'static str) -> Self {
        let evidence_type = if simulated { EvidenceType::Simulated } else { EvidenceType::Snp };
        Self {
            evidence: Evidence { evidence_type, document: document.encode() },
            report_data: ReportData(document.report.report_data),
            has_revocation_list: !document.endorsements.revocation_list.is_empty(),
            form,
        }
    }

    fn tdx(document: &tdx::Document, form: &'static str) -> Self {
        Self {
            evidence: Evidence { evidence_type: EvidenceType::Tdx, document: document.encode() },
            report_data: ReportData(document.quote.body.report_data),
            has_revocation_list: false,
            form,
        }
    }
}
