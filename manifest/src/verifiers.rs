//! From reference values to judges of evidence.

use std::sync::Arc;

use contrast_attestation::{
    CollateralSource, HostDataSet, NoCollateral, Verifier,
    snp::{Product, ReferenceValues, SnpVerifier, TrustAnchor},
    tdx::{self, TdxVerifier},
};

use crate::{Manifest, TdxEntry};

/// Whose evidence is to be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// A pod: its host data must be one of the policies.
    AnyPod,
    /// The Coordinator: its host data must be a policy with the role of the Coordinator.
    Coordinator,
}

impl Manifest {
    /// [`Manifest::verifiers_with`] a source that has nothing: evidence that needs collateral is refused.
    #[must_use]
    pub fn verifiers(&self, audience: Audience) -> Arc<[Box<dyn Verifier>]> {
        self.verifiers_with(audience, &(Arc::new(NoCollateral) as Arc<dyn CollateralSource>))
    }

    /// One verifier for every reference value entry, so never none; a peer needs to please one of them. What
    /// vendors publish about their hardware comes from `collateral`.
    ///
    /// Named after the entry: `snp-0-MILAN`, `tdx-0`, `simulated-0`.
    #[must_use]
    pub fn verifiers_with(
        &self,
        audience: Audience,
        collateral: &Arc<dyn CollateralSource>,
    ) -> Arc<[Box<dyn Verifier>]> {
        let host_data: HostDataSet = match audience {
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
            let verifier = SnpVerifier::new(name, with_host_data(&entry.values), TrustAnchor::Amd);
            verifiers.push(Box::new(verifier.with_collateral(collateral.clone())));
        }
        for (index, entry) in self.reference_values.tdx.iter().enumerate() {
            let values = tdx_reference_values(entry, host_data.clone());
            verifiers.push(Box::new(TdxVerifier::new(format!("tdx-{index}"), values, collateral.clone())));
        }
        for (index, entry) in self.reference_values.simulated.iter().enumerate() {
            let anchor = TrustAnchor::Simulated { root_digest: entry.root };
            let name = format!("simulated-{index}");
            verifiers.push(Box::new(SnpVerifier::new(name, with_host_data(&entry.values), anchor)));
        }
        verifiers.into()
    }
}

fn tdx_reference_values(entry: &TdxEntry, allowed_host_data: HostDataSet) -> tdx::ReferenceValues {
    let TdxEntry {
        platform: _,
        minimum_tcb_evaluation_data_number,
        mr_td,
        mr_seam,
        rtmrs,
        xfam,
        ref allowed_piids,
        memory_integrity,
        smt_disabled,
        static_platform,
    } = *entry;
    tdx::ReferenceValues {
        mr_td,
        mr_seam,
        rtmrs,
        xfam,
        minimum_tcb_evaluation_data_number,
        allowed_piids: allowed_piids.clone(),
        memory_integrity,
        smt_disabled,
        static_platform,
        allowed_host_data,
    }
}

fn product_name(product: Product) -> &'static str {
    match product {
        Product::Milan => "MILAN",
        Product::Genoa => "GENOA",
        Product::Turin => "TURIN",
    }
}
