//! What vendors have to publish about the hardware that a manifest speaks of.

use std::collections::HashSet;

use contrast_attestation::collateral::Address;

use crate::Manifest;

impl Manifest {
    /// What appraising evidence against this manifest always needs, without repetitions. The TCB info of TDX
    /// platforms, the certificates of SNP chips and the revocation lists for VLEKs come on top: which ones, only
    /// evidence tells.
    #[must_use]
    pub fn needed_collateral(&self) -> Vec<Address> {
        let snp = self.reference_values.snp.iter();
        let snp = snp.flat_map(|entry| Address::needed_for_snp(entry.values.product));
        let tdx = self.reference_values.tdx.iter().flat_map(|_| Address::needed_for_tdx());
        let mut seen = HashSet::new();
        snp.chain(tdx).filter(|address| seen.insert(address.clone())).collect()
    }
}
