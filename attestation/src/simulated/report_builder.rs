//! Reports of a simulated processor, with or without faults.

use super::{Processor, SimulatorError};
use crate::{
    Evidence, EvidenceType, ReportData,
    snp::{
        Document, Endorsements, FirmwareVersion, MitigationVectors, Report, id_block,
        signature::ECDSA_P384_SHA384,
    },
};

/// What a guest without any special wish reports in `GUEST_SVN`.
const GUEST_SVN: u32 = 2;

/// A report before it is signed. Everything in it can be changed, so that tests can make evidence that is
/// signed, and wrong.
pub struct ReportBuilder<'a> {
    processor: &'a Processor,
    report: Report,
    endorsements: Endorsements,
}

impl<'a> ReportBuilder<'a> {
    pub(super) fn new(processor: &'a Processor, host_data: [u8; 32], report_data: ReportData) -> Self {
        let product = processor.product();
        let tcb = processor.tcb().encode(product);
        let measurement = processor.measurement();
        let policy = processor.guest_policy();
        let version = FirmwareVersion { build: 1, minor: 57, major: 1 };
        let report = Report {
            version: 5,
            guest_svn: GUEST_SVN,
            policy: policy.to_bits(),
            family_id: [0; 16],
            image_id: [0; 16],
            vmpl: 0,
            signature_algo: ECDSA_P384_SHA384,
            current_tcb: tcb,
            platform_info: processor.platform_info().to_bits(),
            signer_info: 0,
            report_data: report_data.0,
            measurement,
            host_data,
            id_key_digest: id_block::key_digest(&measurement, policy, GUEST_SVN).unwrap_or([0; 48]),
            author_key_digest: [0; 48],
            report_id: [0x5A; 32],
            report_id_ma: [0xFF; 32],
            reported_tcb: tcb,
            cpuid: Some(product.typical_cpuid()),
            chip_id: processor.chip_id(),
            committed_tcb: tcb,
            current: version,
            committed: version,
            launch_tcb: tcb,
            mitigations: Some(MitigationVectors::default()),
            signature: [0; 512],
        };
        Self { processor, report, endorsements: processor.endorsements().clone() }
    }

    /// Changes the report.
    #[must_use]
    pub fn edit(mut self, change: impl FnOnce(&mut Report)) -> Self {
        change(&mut self.report);
        self
    }

    /// Changes the certificates.
    #[must_use]
    pub fn endorse(mut self, change: impl FnOnce(&mut Endorsements)) -> Self {
        change(&mut self.endorsements);
        self
    }

    /// Makes it a report of another version, without the fields that the version does not have.
    #[must_use]
    pub fn version(self, version: u32) -> Self {
        self.edit(|report| {
            report.version = version;
            report.cpuid = report.cpuid.filter(|_| version >= 3);
            report.mitigations = report.mitigations.filter(|_| version >= 5);
        })
    }

    /// Signs the report.
    ///
    /// # Errors
    /// If the cryptographic library cannot sign.
    pub fn sign(mut self) -> Result<Document, SimulatorError> {
        let bytes = self.report.to_bytes();
        let (signed, _) = bytes.split_at(Report::SIGNED_LENGTH);
        self.report.signature = self.processor.sign(signed)?;
        let product = (self.report.version == 2).then(|| self.processor.product());
        Ok(Document { report: self.report, endorsements: self.endorsements, product })
    }

    /// [`ReportBuilder::sign`], as evidence.
    ///
    /// # Errors
    /// If the cryptographic library cannot sign.
    pub fn evidence(self) -> Result<Evidence, SimulatorError> {
        Ok(Evidence { evidence_type: EvidenceType::Simulated, document: self.sign()?.into_bytes() })
    }
}
