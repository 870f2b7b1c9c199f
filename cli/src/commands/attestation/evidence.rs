//! Reads evidence from a file, in each of the forms in which it gets there.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use contrast_attestation::{
    Evidence, EvidenceType, ReportData,
    snp::{self, Endorsements, Report, ReportError},
    tdx,
};

use crate::{
    failure::Advice,
    workspace::{self, WorkspaceError},
};

/// Evidence that could be read.
pub(super) struct Readable {
    pub(super) document: Document,
    /// The form that it had, for people.
    pub(super) form: &'static str,
}

/// Evidence, parsed. That of simulated hardware has the layout of SNP.
pub(super) enum Document {
    Snp(snp::Document),
    Tdx(tdx::Document),
}

/// Evidence in the form that verifiers take.
pub(super) struct FileEvidence {
    pub(super) evidence: Evidence,
    /// What it says that it is bound to.
    pub(super) report_data: ReportData,
    /// Does a revocation list come with it?
    pub(super) has_revocation_list: bool,
    /// The form, for people.
    pub(super) form: &'static str,
}

/// There is no evidence in a file.
#[derive(thiserror::Error, Debug)]
pub(super) enum EvidenceError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] WorkspaceError),
    /// It holds something else.
    #[error("{} holds no evidence: {source}", path.display())]
    Format { path: PathBuf, source: UnknownFormat },
}

impl Advice for EvidenceError {
    fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::File(error) => error.advice(),
            Self::Format { .. } => Some(
                "give an SNP report (1184 bytes), a TDX quote, or the document from a certificate's attestation \
                 extension"
                    .into(),
            ),
        }
    }
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

/// Why evidence of a known type cannot be read.
#[derive(thiserror::Error, Debug)]
pub(super) enum UnknownDocument {
    /// It should be SNP's.
    #[error(transparent)]
    Snp(#[from] snp::DocumentError),
    /// It should be TDX's.
    #[error(transparent)]
    Tdx(#[from] tdx::DocumentError),
}

impl Readable {
    /// Reads the evidence in a file.
    pub(super) fn open(path: &Path) -> Result<Self, EvidenceError> {
        let bytes = workspace::read(path)?;
        Self::parse(&bytes).map_err(|source| EvidenceError::Format { path: path.to_owned(), source })
    }

    /// Reads evidence of a known type.
    pub(super) fn of(evidence: &Evidence) -> Result<Self, UnknownDocument> {
        Ok(match evidence.evidence_type {
            EvidenceType::Snp | EvidenceType::Simulated => {
                Document::Snp(snp::document::parse(&evidence.document)?).into()
            }
            EvidenceType::Tdx => Document::Tdx(tdx::document::parse(&evidence.document)?).into(),
        })
    }

    /// Reads a report, a quote, or a document.
    fn parse(bytes: &[u8]) -> Result<Self, UnknownFormat> {
        if bytes.len() == Report::LENGTH {
            let report = Report::parse(bytes)?;
            let document = snp::Document { report, endorsements: Endorsements::default(), product: None };
            return Ok(Self { document: Document::Snp(document), form: "SNP report" });
        }
        // No protobuf message begins like this: there is no field 0.
        if let [4 | 5, 0, ..] = bytes {
            let document = tdx::Document::from_platform(bytes)?;
            return Ok(Self { document: Document::Tdx(document), form: "TDX quote" });
        }
        match (snp::document::parse(bytes), tdx::document::parse(bytes)) {
            (Ok(document), _) => Ok(Document::Snp(document).into()),
            (_, Ok(document)) => Ok(Document::Tdx(document).into()),
            (Err(snp), Err(tdx)) => Err(UnknownFormat::Document { snp, tdx }),
        }
    }
}

/// What is in a certificate's attestation extension.
impl From<Document> for Readable {
    fn from(document: Document) -> Self {
        let form = match &document {
            Document::Snp(_) => "SNP document",
            Document::Tdx(_) => "TDX document",
        };
        Self { document, form }
    }
}

impl FileEvidence {
    /// Evidence of the SNP layout does not say what is below it: `simulated` does.
    pub(super) fn new(Readable { document, form }: Readable, simulated: bool) -> Self {
        match document {
            Document::Snp(document) => {
                let evidence_type = if simulated { EvidenceType::Simulated } else { EvidenceType::Snp };
                Self {
                    evidence: Evidence { evidence_type, document: document.encode() },
                    report_data: ReportData(document.report.report_data),
                    has_revocation_list: !document.endorsements.revocation_list.is_empty(),
                    form,
                }
            }
            Document::Tdx(document) => Self {
                evidence: Evidence { evidence_type: EvidenceType::Tdx, document: document.encode() },
                report_data: ReportData(document.quote.body.report_data),
                has_revocation_list: false,
                form,
            },
        }
    }
}
