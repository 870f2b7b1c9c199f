//! Launch digests of guests: from what they are launched with, and from each other.
//!
//! AMD SEV-SNP ABI specification (document 56860), `SNP_LAUNCH_UPDATE`: the digest grows page by page. The pages of
//! the firmware come first ([`Launch`]), and the state pages (VMSA) of the vCPUs last. All but the first vCPU start
//! from the same state, so that the digests of guests that differ only in their number of vCPUs follow from that of a
//! guest with one ([`vcpu_variants`]).

mod digest;
mod kernel_hashes;
mod launch;
#[cfg(test)]
mod tests;

use super::{Product, vmsa};
use digest::LaunchDigest;
pub use kernel_hashes::DirectBoot;
pub use launch::{Launch, LaunchError};

/// The largest number of vCPUs that a guest can have.
pub const MAX_VCPUS: usize = 220;

/// The launch digests of guests with 1, 2, … 220 vCPUs, from that of a guest with one.
///
/// `ap_eip` is where the firmware lets application processors start.
#[must_use]
pub fn vcpu_variants(one_vcpu: [u8; 48], ap_eip: u32, product: Product) -> Vec<[u8; 48]> {
    let page = digest::contents(&vmsa::page(ap_eip, product));
    std::iter::successors(Some(LaunchDigest::resume(one_vcpu)), |digest| {
        let mut digest = *digest;
        digest.add_vcpu(&page);
        Some(digest)
    })
    .take(MAX_VCPUS)
    .map(LaunchDigest::bytes)
    .collect()
}
