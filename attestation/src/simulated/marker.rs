//! By what certificates of a simulated processor can be told.

use x509_cert::der::Encode;

use super::der;
use crate::snp::certificate::Certificate;

/// Does a root certificate (DER) call itself that of a simulated processor? That is for messages only: anybody can
/// make such a certificate, and nothing trusts it for its name.
#[must_use]
pub fn is_simulated_root(ark: &[u8]) -> bool {
    let Ok(certificate) = Certificate::parse(ark) else { return false };
    let own_name = certificate.common_name().map(|common_name| der::name(&common_name));
    matches!((own_name, certificate.subject().to_der()), (Ok(own), Ok(found)) if own == found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        simulated::Hierarchy,
        snp::{Product, roots},
    };

    #[test]
    fn a_simulated_root_is_told_from_those_of_amd() {
        assert!(is_simulated_root(Hierarchy::generate(Product::Turin).unwrap().ark()));
        for product in Product::ALL {
            assert!(!is_simulated_root(roots::amd(product).ark), "{product}");
        }
        assert!(!is_simulated_root(&[]));
    }
}
