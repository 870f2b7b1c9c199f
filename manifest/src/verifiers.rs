//! From reference values to judges of evidence.

use std::{sync::Arc, time::SystemTime};

use contrast_attestation::{
    Claims, Evidence, EvidenceType, Finding, Rejection, ReportData, Verifier,
    snp::{Product, ReferenceValues, SnpVerifier, TrustAnchor},
};

use crate::Manifest;

/// Whose evidence is to be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// A pod: its host data must be one of the policies.
    AnyPod,
    /// The Coordinator: its host data must be a policy with the role of the Coordinator.
    Coordinator,
}

impl Manifest {
    /// One verifier for every reference value entry, so never none; a peer needs to please one of them.
    ///
    /// Named after the entry: `snp-0-MILAN`, `tdx-0`, `simulated-0`. Those of `tdx` entries refuse everything
    /// and say why: evidence of TDX cannot be appraised yet.
    #[must_use]
    pub fn verifiers(&self, audience: Audience) -> Arc<[Box<dyn Verifier>]> {
        let host_data: Vec<[u8; 32]> = match audience {
            Audience::AnyPod => self.policies.keys().copied().collect(),
            Audience::Coordinator => self.coordinator_policies().collect(),
        };
        let with_host_data = |values: &ReferenceValues| ReferenceValues {
            allowed_host_data: host_data.clone(),
            ..values.clone()
        };
        let mut verifiers: Vec<Box<dyn Verifier>> = Vec::new();
        for (index, entry) in self.reference_values.snp.iter().enumerate() {
            let name = format!("snp-{index}-{}", product_name(entry.values.product));
            verifiers.push(Box::new(SnpVerifier::new(name, with_host_data(&entry.values), TrustAnchor::Amd)));
        }
        for index in 0..self.reference_values.tdx.len() {
            verifiers.push(Box::new(TdxRefuser { name: format!("tdx-{index}") }));
        }
        for (index, entry) in self.reference_values.simulated.iter().enumerate() {
            let anchor = TrustAnchor::Simulated { root_digest: entry.root };
            let name = format!("simulated-{index}");
            verifiers.push(Box::new(SnpVerifier::new(name, with_host_data(&entry.values), anchor)));
        }
        verifiers.into()
    }
}

/// Stands where a verifier of TDX evidence will be. Without it, a manifest with nothing but `tdx` entries would
/// have no verifiers, and who has none accepts everybody.
struct TdxRefuser {
    name: String,
}

impl Verifier for TdxRefuser {
    fn evidence_type(&self) -> EvidenceType {
        EvidenceType::Tdx
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn appraise(&self, _: &Evidence, _: &ReportData, _: SystemTime) -> Result<Claims, Rejection> {
        let finding = Finding {
            field: "appraisal of TDX evidence".to_owned(),
            expected: "a version of this program that can do it".to_owned(),
            found: "one that cannot yet".to_owned(),
        };
        Err(Rejection { verifier: self.name.clone(), findings: vec![finding] })
    }
}

fn product_name(product: Product) -> &'static str {
    match product {
        Product::Milan => "MILAN",
        Product::Genoa => "GENOA",
        Product::Turin => "TURIN",
    }
}
