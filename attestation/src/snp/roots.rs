//! AMD's published certificates, as its key distribution service hands them out
//! (`https://kdsintf.amd.com/{vcek,vlek}/v1/<line>/cert_chain`).

use super::{Product, SigningKey};

/// The certificates above an endorsement key, in DER.
pub(crate) struct AmdCertificates {
    /// AMD root key, signed by itself.
    pub(crate) ark: &'static [u8],
    /// Signs VCEK certificates.
    pub(crate) ask: &'static [u8],
    /// Signs VLEK certificates.
    pub(crate) asvk: &'static [u8],
}

impl AmdCertificates {
    /// The one that signs certificates of this kind of key.
    pub(crate) fn above(&self, kind: SigningKey) -> &'static [u8] {
        match kind {
            SigningKey::Vcek => self.ask,
            SigningKey::Vlek => self.asvk,
        }
    }
}

/// The certificates of a product line.
pub(crate) fn amd(product: Product) -> AmdCertificates {
    match product {
        Product::Milan => AmdCertificates {
            ark: include_bytes!("roots/ark-milan.der"),
            ask: include_bytes!("roots/ask-milan.der"),
            asvk: include_bytes!("roots/asvk-milan.der"),
        },
        Product::Genoa => AmdCertificates {
            ark: include_bytes!("roots/ark-genoa.der"),
            ask: include_bytes!("roots/ask-genoa.der"),
            asvk: include_bytes!("roots/asvk-genoa.der"),
        },
        Product::Turin => AmdCertificates {
            ark: include_bytes!("roots/ark-turin.der"),
            ask: include_bytes!("roots/ask-turin.der"),
            asvk: include_bytes!("roots/asvk-turin.der"),
        },
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::snp::certificate::Certificate;

    #[test]
    fn every_published_signing_key_is_endorsed_by_its_root() {
        for product in Product::ALL {
            let certificates = amd(product);
            let root = Certificate::parse(certificates.ark).unwrap();
            assert!(root.is_authority() && root.is_signed_by(&root));
            for der in [certificates.ask, certificates.asvk] {
                let certificate = Certificate::parse(der).unwrap();
                assert!(certificate.is_authority() && certificate.is_signed_by(&root));
                assert_eq!(certificate.issuer(), root.subject());
            }
        }
    }

    /// A root that changes by accident, in a merge for instance, must not go unnoticed.
    #[test]
    fn roots_are_the_ones_that_amd_published() {
        for (product, digest) in [
            (Product::Milan, "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"),
            (Product::Genoa, "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1"),
            (Product::Turin, "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a"),
        ] {
            assert_eq!(hex::encode(Sha256::digest(amd(product).ark)), digest);
        }
    }
}
