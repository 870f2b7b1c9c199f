//! The certificates of a platform: what a quote carries about the key that vouches for its quoting enclave.
//!
//! PCK ← PCK CA (Platform or Processor) ← root. Intel "SGX PCK Certificate and Certificate Revocation List
//! Profile Specification".

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use dcap_qvl::intel::{PckExtension, parse_pck_extension_with};
use sha2::{Digest, Sha256};

use super::{
    TrustRoot,
    certificate::{Certificate, CertificateError},
    provider::AwsLc,
};
use crate::{Cause, Finding, snp::memo::Memo};

/// Who issues a platform's PCK certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PckCa {
    /// For platforms with one processor package.
    Processor,
    /// For platforms with several, which register as a whole.
    Platform,
}

impl PckCa {
    /// The value of the parameter `ca` in addresses of Intel's Provisioning Certification Service.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Platform => "platform",
        }
    }

    pub(super) fn from_common_name(name: &str) -> Option<Self> {
        match name {
            "Intel SGX PCK Processor CA" => Some(Self::Processor),
            "Intel SGX PCK Platform CA" => Some(Self::Platform),
            _ => None,
        }
    }
}

/// A chain whose names and signatures are right, up to the trusted root. Dates and revocation are judged at each
/// use.
pub(super) struct PckChain {
    pub(super) leaf: Certificate,
    pub(super) intermediate: Certificate,
    pub(super) root: Certificate,
    pub(super) ca: PckCa,
    /// What Intel says about the platform.
    pub(super) platform: PckExtension,
}

/// A certificate's place in the chain of a quote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PckLink {
    /// The platform's key.
    Pck,
    /// Its issuer.
    PckCa,
    /// The root.
    Root,
}

/// Why the certificates in a quote are not a chain.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PckChainError {
    /// The text is not certificates.
    #[error("{0}")]
    Malformed(CertificateError),
    /// A chain has three.
    #[error("{0} certificates")]
    Count(usize),
    /// The root is not the trusted one.
    #[error("another root, with SHA-256 {}", hex::encode(.0))]
    ForeignRoot([u8; 32]),
    /// Not called what Intel calls it.
    #[error("a {link} certificate called {found:?}")]
    CommonName {
        /// Which.
        link: PckLink,
        /// Its common name.
        found: String,
    },
    /// The issuer's name is not the subject of the certificate above.
    #[error("a {0} certificate that names another issuer")]
    Issuer(PckLink),
    /// The key above may not sign certificates.
    #[error("a {0} certificate that is no authority")]
    NotAnAuthority(PckLink),
    /// The signature does not verify.
    #[error("a {0} certificate whose signature does not verify")]
    Signature(PckLink),
    /// Intel's extension, OID 1.2.840.113741.1.13.1, is missing or malformed.
    #[error("a PCK certificate without a readable SGX extension")]
    Extension,
}

/// Verified chains by the hash of their text and of the root. A program sees one for each platform.
static VERIFIED: LazyLock<Memo<Arc<PckChain>>> = LazyLock::new(|| Memo::new(1024));

/// Reads and verifies the chain in a quote.
pub(super) fn verify(pem: &[u8], root: &TrustRoot) -> Result<Arc<PckChain>, PckChainError> {
    let key = Sha256::new().chain_update(root.digest()).chain_update(pem).finalize().into();
    VERIFIED.get_or_try(key, || PckChain::verify(pem, root).map(Arc::new))
}

impl PckChain {
    fn verify(pem: &[u8], trusted: &TrustRoot) -> Result<Self, PckChainError> {
        let chain = Certificate::parse_chain(pem).map_err(PckChainError::Malformed)?;
        if !is_canonical(&chain, pem) {
            return Err(PckChainError::Malformed(CertificateError::NotPem));
        }
        let count = chain.len();
        let Ok([leaf, intermediate, root]) = <[Certificate; 3]>::try_from(chain) else {
            return Err(PckChainError::Count(count));
        };
        if root.der() != trusted.certificate() {
            return Err(PckChainError::ForeignRoot(Sha256::digest(root.der()).into()));
        }
        issued_by(&intermediate, PckLink::PckCa, &root, PckLink::Root)?;
        let ca = PckCa::from_common_name(intermediate.common_name()).ok_or_else(|| {
            let found = intermediate.common_name().to_owned();
            PckChainError::CommonName { link: PckLink::PckCa, found }
        })?;
        issued_by(&leaf, PckLink::Pck, &intermediate, PckLink::PckCa)?;
        if leaf.common_name() != "Intel SGX PCK Certificate" {
            let found = leaf.common_name().to_owned();
            return Err(PckChainError::CommonName { link: PckLink::Pck, found });
        }
        let platform = parse_pck_extension_with::<AwsLc>(leaf.der()).map_err(|_| PckChainError::Extension)?;
        Ok(Self { leaf, intermediate, root, ca, platform })
    }

    /// The chain in PEM, from what was read: nobody after us may read the original text in another way.
    pub(super) fn pem(&self) -> Result<String, CertificateError> {
        [&self.leaf, &self.intermediate, &self.root].into_iter().map(Certificate::pem).collect()
    }
}

impl PckChainError {
    pub(super) fn finding(&self) -> Finding {
        let expected = "a PCK certificate, that of an Intel PCK CA and the trusted root";
        let cause = match self {
            Self::ForeignRoot(_) => Cause::ForeignRoot,
            _ => Cause::BrokenChain,
        };
        Finding::new(cause, "PCK certificate chain", expected, self)
    }
}

impl fmt::Display for PckLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pck => "PCK",
            Self::PckCa => "PCK CA",
            Self::Root => "root CA",
        })
    }
}

/// Platforms put out one form of PEM, with a zero byte at its end. Nobody signs the text, so that no bytes of it
/// are left to play with, there may be no other.
fn is_canonical(chain: &[Certificate], text: &[u8]) -> bool {
    let canonical: Result<String, _> = chain.iter().map(Certificate::pem).collect();
    canonical.is_ok_and(|canonical| text.strip_suffix(&[0]).unwrap_or(text) == canonical.as_bytes())
}

fn issued_by(
    certificate: &Certificate,
    link: PckLink,
    issuer: &Certificate,
    above: PckLink,
) -> Result<(), PckChainError> {
    if certificate.issuer() != issuer.subject() {
        return Err(PckChainError::Issuer(link));
    }
    if !issuer.is_authority() {
        return Err(PckChainError::NotAnAuthority(above));
    }
    if !certificate.is_signed_by(issuer) {
        return Err(PckChainError::Signature(link));
    }
    Ok(())
}
