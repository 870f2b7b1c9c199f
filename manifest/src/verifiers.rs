//! From reference values to judges of evidence.

use std::sync::Arc;

use contrast_attestation::{
    Verifier,
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
    /// One verifier for every reference value entry; a peer needs to please one of them.
    ///
    /// Named after the entry: `snp-0-MILAN`, `simulated-0`. There are none for `tdx` entries yet, so that
    /// evidence from TDX is refused as evidence of a type without verifiers.
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
        for (index, entry) in self.reference_values.simulated.iter().enumerate() {
            let anchor = TrustAnchor::Simulated { root_digest: entry.root };
            let name = format!("simulated-{index}");
            verifiers.push(Box::new(SnpVerifier::new(name, with_host_data(&entry.values), anchor)));
        }
        verifiers.into()
    }
}

fn product_name(product: Product) -> &'static str {
    match product {
        Product::Milan => "MILAN",
        Product::Genoa => "GENOA",
        Product::Turin => "TURIN",
    }
}
