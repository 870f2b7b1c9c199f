//! Appraisal of TDX evidence: reads it, verifies it, and lets [`super::appraisal`] judge it.

use std::sync::Arc;

use super::{
    Document, ReferenceValues, TrustRoot,
    appraisal::{self, Facts},
    claims,
    examined::Examined,
    pck::PckChain,
    platform::Platform,
};
use crate::{
    Appraised, Cause, CollateralSource, EvidenceType, Examination, Finding, Findings, Missing, Verifier,
};

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

    /// Puts everything against the evidence into `findings`.
    fn examine(&self, examined: &Examined, examination: &Examination<'_>, findings: &mut Findings) {
        let platform = self.platform(examined, findings);
        let spans = platform.iter().flat_map(|platform| &platform.validity);
        for span in spans.filter(|span| !span.covers(examination.now)) {
            findings.put(|| span.finding(examination.now));
        }
        if !examined.is_signed() {
            findings.add(
                Cause::Signature,
                "quote field SIGNATURE",
                "a signature by the attestation key",
                "one that does not verify",
            );
        }
        let facts = Facts {
            quote: &examined.document.quote,
            platform: platform.as_deref(),
            report_data: examination.report_data,
        };
        appraisal::judge(&facts, &self.reference, findings);
    }

    /// One reason if it fails: what is above a broken link has no meaning.
    fn platform(&self, examined: &Examined, findings: &mut Findings) -> Option<Arc<Platform>> {
        let chain = match examined.chain(&self.root) {
            Ok(chain) => chain,
            Err(error) => {
                findings.put(|| error.finding());
                return None;
            }
        };
        let collateral = match self.collateral.tdx_collateral(chain.platform.fmspc, chain.ca) {
            Ok(collateral) => collateral,
            Err(missing) => {
                findings.put(|| no_collateral(&chain, &missing));
                return None;
            }
        };
        // What a quote says that nobody signed is not worth Intel's rules.
        if !examined.is_signed() {
            return None;
        }
        match examined.platform(&chain, &collateral, &self.root) {
            Ok(platform) => Some(platform),
            Err(error) => {
                findings.put(|| error.finding());
                None
            }
        }
    }
}

fn no_collateral(chain: &PckChain, missing: &Missing) -> Finding {
    let fmspc = hex::encode(chain.platform.fmspc);
    let field = format_args!("collateral for FMSPC {fmspc} ({} CA)", chain.ca.name());
    Finding::new(Cause::CollateralMissing, field, "what Intel publishes about the platform", missing)
}

impl Verifier for TdxVerifier {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Tdx
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn judge(&self, examination: &Examination<'_>, findings: &mut Findings) -> Option<Appraised> {
        let examined = match examination.tdx() {
            Ok(examined) => examined,
            Err(error) => {
                findings.add(Cause::Unreadable, "attestation document", "a well-formed TDX quote", error);
                return None;
            }
        };
        self.examine(examined, examination, findings);
        let Document { quote, .. } = &examined.document;
        match quote.body.mr_config_id.split_first_chunk() {
            Some((host_data, _)) if findings.is_empty() => {
                Some(Appraised { host_data: *host_data, values: claims::collect(&examined.document) })
            }
            Some(_) => None,
            // A field of 48 bytes has 32.
            None => {
                findings.add(Cause::Unreadable, "quote field MR_CONFIG_ID", "48 bytes", "fewer");
                None
            }
        }
    }
}
