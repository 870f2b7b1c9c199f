//! Launch digests of guests that differ only in their number of vCPUs.
//!
//! AMD SEV-SNP ABI specification (document 56860), `SNP_LAUNCH_UPDATE`: the digest grows page by page, and
//! the state pages (VMSA) of the vCPUs come last. All but the first vCPU start from the same state.

use sha2::{Digest, Sha384};

use super::{Product, vmsa};

/// The largest number of vCPUs that a guest can have.
pub const MAX_VCPUS: usize = 220;

/// `PAGE_INFO.PAGE_TYPE` of a vCPU's state page.
const PAGE_TYPE_VMSA: u8 = 2;
/// Length of `PAGE_INFO`.
const PAGE_INFO_LENGTH: u16 = 0x70;
/// Guest address that KVM reports for every state page.
const VMSA_ADDRESS: u64 = 0xFFFF_FFFF_F000;

/// The launch digests of guests with 1, 2, … 220 vCPUs, from that of a guest with one.
///
/// `ap_eip` is where the firmware lets application processors start.
#[must_use]
pub fn vcpu_variants(one_vcpu: [u8; 48], ap_eip: u32, product: Product) -> Vec<[u8; 48]> {
    let page_digest = Sha384::digest(vmsa::page(ap_eip, product)).into();
    std::iter::successors(Some(one_vcpu), |digest| Some(extend(digest, &page_digest)))
        .take(MAX_VCPUS)
        .collect()
}

fn extend(digest: &[u8; 48], page_digest: &[u8; 48]) -> [u8; 48] {
    Sha384::new()
        .chain_update(digest)
        .chain_update(page_digest)
        .chain_update(PAGE_INFO_LENGTH.to_le_bytes())
        .chain_update([PAGE_TYPE_VMSA])
        // No initial migration image, no rights for VMPL 1 to 3, one reserved byte.
        .chain_update([0; 5])
        .chain_update(VMSA_ADDRESS.to_le_bytes())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AP_EIP: u32 = 0x0080_B004;

    /// Values of `sev-snp-measure` 0.0.13 for two more vCPUs after a digest of 48 bytes 07h.
    #[test]
    fn variants_are_those_of_sev_snp_measure() {
        for (product, digest) in [
            (
                Product::Milan,
                "6fca344edd636b0d66c7d2fd4ae40757b6cd7eb6f24d8828391950dab9d5f281\
                 507c194a62d160c0fd82b6707be72e9a",
            ),
            (
                Product::Genoa,
                "66229d9ced81a2dc9642c1fda78c1b4f7b2b96416f006252b171e7a48f27745d\
                 fef79f8e8a71d00934037ad941f080d4",
            ),
            (
                Product::Turin,
                "982d5907333225a72c3f18d3ea1c12df9e24df859fe990d0f9c33f36cef66259\
                 9b139cd8fceb7b091bda6050c522ed49",
            ),
        ] {
            let variants = vcpu_variants([7; 48], AP_EIP, product);
            assert_eq!(variants.len(), MAX_VCPUS);
            assert_eq!(variants[0], [7; 48]);
            assert_eq!(hex::encode(variants[2]), digest);
        }
    }
}
