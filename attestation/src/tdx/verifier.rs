//! Appraisal of TDX evidence: reads it, verifies it, and lets [`super::appraisal`] judge it.

use std::{sync::Arc, time::SystemTime};

use super::{
    Quote, ReferenceValues, TrustRoot,
    appraisal::{self, Facts},
    claims, document, pck,
    platform::{self, Platform},
};
use crate::{Appraised, Cause, CollateralSource, EvidenceType, Finding, ReportData, Verifier};

/// Appraises TDX evidence against one entry of reference values.
pub struct TdxVerifier {
    name: String,
    reference: ReferenceValues,
    collateral: Arc<dyn CollateralSource>,
    root: TrustRoot,
}

impl TdxVerifier {
    /// A verifier called `name` in messages, which trusts Intel's root key and takes what Intel publishes about
    /// platforms from `collateral`.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        reference: ReferenceValues,
        collateral: Arc<dyn CollateralSource>,
    ) -> Self {
        Self { name: name.into(), reference, collateral, root: TrustRoot::Intel }
    }

    /// Trusts another root key instead of Intel's.
    #[must_use]
    pub fn with_root(mut self, root: TrustRoot) -> Self {
        self.root = root;
        self
    }

    /// Everything against a quote.
    fn findings(&self, quote: &Quote, report_data: &ReportData, now: SystemTime) -> Vec<Finding> {
        let platform = self.platform(quote);
        let mut findings = match &platform {
            Ok(platform) => platform.validity.iter().filter_map(|span| span.finding(now)).collect(),
            Err(finding) => vec![finding.clone()],
        };
        if !platform::is_signed(quote) {
            let expected = "a signature by the attestation key";
            findings.push(Finding::new(
                Cause::Signature,
                "quote field SIGNATURE",
                expected,
                "one that does not verify",
            ));
        }
        let facts = Facts { quote, platform: platform.as_deref().ok(), report_data };
        findings.extend(appraisal::judge(&facts, &self.reference));
        findings
    }

    /// One reason if it fails: what is above a broken link has no meaning.
    fn platform(&self, quote: &Quote) -> Result<Arc<Platform>, Finding> {
        let chain = pck::verify(&quote.pck_chain, &self.root).map_err(|error| error.finding())?;
        let fmspc = chain.platform.fmspc;
        let collateral = self.collateral.tdx_collateral(fmspc, chain.ca).map_err(|missing| {
            let field = format!("collateral for FMSPC {} ({} CA)", hex::encode(fmspc), chain.ca.name());
            Finding::new(Cause::CollateralMissing, field, "what Intel publishes about the platform", missing)
        })?;
        collateral.verify(&self.root).map_err(|fault| fault.finding())?;
        platform::appraise(quote, &chain, &collateral, &self.root).map_err(|error| error.finding())
    }
}

impl Verifier for TdxVerifier {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Tdx
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn judge(
        &self,
        document: &[u8],
        report_data: &ReportData,
        now: SystemTime,
    ) -> Result<Appraised, Vec<Finding>> {
        let document = document::parse(document).map_err(|error| {
            vec![Finding::new(Cause::Unreadable, "attestation document", "a well-formed TDX quote", error)]
        })?;
        let quote = &document.quote;
        let findings = self.findings(quote, report_data, now);
        if !findings.is_empty() {
            return Err(findings);
        }
        let (host_data, _) = quote
            .body
            .mr_config_id
            .split_first_chunk()
            // A field of 48 bytes has 32.
            .ok_or_else(|| {
                vec![Finding::new(Cause::Unreadable, "quote field MR_CONFIG_ID", "48 bytes", "fewer")]
            })?;
        Ok(Appraised { host_data: *host_data, values: claims::collect(&document) })
    }
}
