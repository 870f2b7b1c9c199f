//! Where trust in quotes begins.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Intel SGX Root CA, as Intel publishes it
/// (`https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.cer`).
const INTEL: &[u8] = include_bytes!("roots/intel-sgx-root-ca.der");

/// Whose root key a verifier trusts.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum TrustRoot {
    /// The root key that Intel published for SGX and TDX.
    #[default]
    Intel,
    /// The key of another hierarchy: a self-signed certificate in DER. Evidence under it proves nothing about
    /// hardware; no manifest can ask for it.
    Other(Arc<[u8]>),
}

impl TrustRoot {
    /// The root certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        match self {
            Self::Intel => INTEL,
            Self::Other(certificate) => certificate,
        }
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.certificate()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tdx::certificate::Certificate;

    /// A root that changes by accident, in a merge for instance, must not go unnoticed.
    #[test]
    fn the_root_is_the_one_that_intel_published() {
        let digest = "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3";
        assert_eq!(hex::encode(TrustRoot::Intel.digest()), digest);
        let root = Certificate::parse(TrustRoot::Intel.certificate()).unwrap();
        assert!(root.is_authority() && root.is_signed_by(&root));
        assert_eq!(root.common_name(), "Intel SGX Root CA");
    }
}
