//! Is collateral Intel's? Everything in it is signed, so nobody between Intel and us has to be trusted.

use std::sync::LazyLock;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use super::{
    Collateral, TrustRoot,
    certificate::{Certificate, CertificateError},
    collateral::IssuerChain,
    revocation::RevocationList,
    validity::Dated,
};
use crate::{Cause, Finding, snp::memo::Memo};

/// Why collateral is not Intel's, or is not about TDX.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CollateralFault {
    /// The trusted root itself is unreadable.
    #[error("the trusted root certificate is {0}")]
    Root(CertificateError),
    /// An issuer chain ends in another root.
    #[error("{of}: it comes with another root than the trusted one")]
    ForeignRoot {
        /// What the chain is about.
        of: Dated,
    },
    /// The issuer's name is not the subject of the certificate above.
    #[error("{of}: it names another issuer than the certificate above it")]
    Issuer {
        /// What is wrong.
        of: Dated,
    },
    /// A key that is used for what it was not made for.
    #[error("{of}: it is called {found:?}, but must be {expected:?}")]
    CommonName {
        /// What is wrong.
        of: Dated,
        /// The name of keys for this use.
        expected: &'static str,
        /// The name of this one.
        found: String,
    },
    /// A key that may not sign certificates.
    #[error("{of}: it may not sign certificates")]
    NotAnAuthority {
        /// What is wrong.
        of: Dated,
    },
    /// The signature does not verify.
    #[error("{of}: its signature does not verify")]
    Signature {
        /// What is wrong.
        of: Dated,
    },
    /// A revocation list names the certificate.
    #[error("{of}: it is revoked")]
    Revoked {
        /// What is wrong.
        of: Dated,
    },
    /// Signed by Intel, but about something else.
    #[error("{of}: it is {found}, but must be {expected}")]
    Kind {
        /// What is wrong.
        of: Dated,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A list of TCB levels that could be read in two ways.
    #[error("{of}: its TCB levels are {fault}")]
    TcbLevels {
        /// What is wrong.
        of: Dated,
        /// What is wrong with them.
        fault: &'static str,
    },
}

/// Collateral that was verified, by its digest and that of the root.
static VERIFIED: LazyLock<Memo<()>> = LazyLock::new(|| Memo::new(1024));

impl Collateral {
    /// Checks every signature, name and revocation in it, once for equal collateral. Dates are not looked at: see
    /// [`Collateral::validity`].
    ///
    /// # Errors
    /// See [`CollateralFault`].
    pub fn verify(&self, root: &TrustRoot) -> Result<(), CollateralFault> {
        let key = Sha256::new().chain_update(root.digest()).chain_update(self.digest()).finalize().into();
        VERIFIED.get_or_try(key, || self.verify_signatures(root))
    }

    fn verify_signatures(&self, trusted: &TrustRoot) -> Result<(), CollateralFault> {
        // The root is pinned byte by byte, its signature on itself included.
        let root = Certificate::parse(trusted.certificate()).map_err(CollateralFault::Root)?;
        list_by(&self.root_crl, &root, Dated::RootCrl)?;
        not_revoked(&self.root_crl, &root, Dated::RootCertificate)?;

        self.signer(&self.pck_crl_issuers, &root, Dated::PckCaCertificate)?;
        let pck_ca = &self.pck_crl_issuers.signer;
        if !pck_ca.is_authority() {
            return Err(CollateralFault::NotAnAuthority { of: Dated::PckCaCertificate });
        }
        list_by(&self.pck_crl, pck_ca, Dated::PckCrl)?;

        let parts = self.parts();
        self.tcb_signer(&self.tcb_info_issuers, &root, Dated::TcbInfoSigningCertificate)?;
        let signer = &self.tcb_info_issuers.signer;
        signed_json(&parts.tcb_info, &parts.tcb_info_signature, signer, Dated::TcbInfo)?;
        self.tcb_signer(&self.qe_identity_issuers, &root, Dated::QeIdentitySigningCertificate)?;
        let signer = &self.qe_identity_issuers.signer;
        signed_json(&parts.qe_identity, &parts.qe_identity_signature, signer, Dated::QeIdentity)?;
        self.is_about_tdx()?;
        self.tcb_levels_are_ordered()
    }

    /// The key that signs something in the collateral is one of the root's.
    fn signer(&self, chain: &IssuerChain, root: &Certificate, of: Dated) -> Result<(), CollateralFault> {
        if chain.root.der() != root.der() {
            return Err(CollateralFault::ForeignRoot { of });
        }
        if chain.signer.issuer() != root.subject() {
            return Err(CollateralFault::Issuer { of });
        }
        if !chain.signer.is_signed_by(root) {
            return Err(CollateralFault::Signature { of });
        }
        not_revoked(&self.root_crl, &chain.signer, of)
    }

    fn tcb_signer(&self, chain: &IssuerChain, root: &Certificate, of: Dated) -> Result<(), CollateralFault> {
        self.signer(chain, root, of)?;
        let (expected, found) = ("Intel SGX TCB Signing", chain.signer.common_name());
        if found != expected {
            return Err(CollateralFault::CommonName { of, expected, found: found.to_owned() });
        }
        Ok(())
    }

    fn is_about_tdx(&self) -> Result<(), CollateralFault> {
        let info = &self.tcb_info;
        if info.id != "TDX" || info.version != 3 || info.tcb_type != 0 {
            let found = format!("{} version {} with TCB type {}", info.id, info.version, info.tcb_type);
            let expected = "TDX version 3 with TCB type 0";
            return Err(CollateralFault::Kind { of: Dated::TcbInfo, expected, found });
        }
        let identity = &self.qe_identity;
        if identity.id != "TD_QE" || ![2, 3].contains(&identity.version) {
            let found = format!("{} version {}", identity.id, identity.version);
            let expected = "TD_QE version 2 or 3";
            return Err(CollateralFault::Kind { of: Dated::QeIdentity, expected, found });
        }
        Ok(())
    }

    /// A level is found by going down a list: one that is short or out of order could be met by anybody.
    fn tcb_levels_are_ordered(&self) -> Result<(), CollateralFault> {
        let fault = |of, fault| Err(CollateralFault::TcbLevels { of, fault });
        let levels = &self.tcb_info.tcb_levels;
        if levels.is_empty() || self.qe_identity.tcb_levels.is_empty() {
            let of = if levels.is_empty() { Dated::TcbInfo } else { Dated::QeIdentity };
            return fault(of, "missing");
        }
        if levels
            .iter()
            .any(|level| level.tcb.sgx_components.len() != 16 || level.tcb.tdx_components.len() != 16)
        {
            return fault(Dated::TcbInfo, "not lists of 16 components");
        }
        // The order of whole TCB levels does not matter: `dcap-qvl` sorts them as Intel's library does.
        if !descending(self.qe_identity.tcb_levels.iter().map(|level| level.tcb.isvsvn)) {
            return fault(Dated::QeIdentity, "not in descending order");
        }
        let mut modules = self.tcb_info.tdx_module_identities.iter();
        if !modules.all(|module| descending(module.tcb_levels.iter().map(|level| level.tcb.isvsvn))) {
            return fault(Dated::TcbInfo, "not in descending order");
        }
        Ok(())
    }
}

impl CollateralFault {
    pub(super) fn finding(&self) -> Finding {
        let cause = match self {
            Self::Revoked { .. } => Cause::Revoked,
            _ => Cause::CollateralFaulty,
        };
        Finding::new(cause, "collateral", "collateral that Intel signed for TDX", self)
    }
}

fn list_by(list: &RevocationList, issuer: &Certificate, of: Dated) -> Result<(), CollateralFault> {
    if !list.is_issued_by(issuer) {
        return Err(CollateralFault::Issuer { of });
    }
    if !list.is_signed_by(issuer) {
        return Err(CollateralFault::Signature { of });
    }
    Ok(())
}

fn not_revoked(list: &RevocationList, certificate: &Certificate, of: Dated) -> Result<(), CollateralFault> {
    if list.names(certificate) { Err(CollateralFault::Revoked { of }) } else { Ok(()) }
}

fn descending<T: PartialOrd>(mut levels: impl Iterator<Item = T>) -> bool {
    levels.next().is_some_and(|first| {
        let mut last = first;
        levels.all(|level| {
            let ordered = level < last;
            last = level;
            ordered
        })
    })
}

fn signed_json(json: &str, signature: &[u8], signer: &Certificate, of: Dated) -> Result<(), CollateralFault> {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, signer.point())
        .verify(json.as_bytes(), signature)
        .map_err(|_| CollateralFault::Signature { of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_key_is_not_taken_for_faulty_collateral() {
        let of = Dated::TcbInfoSigningCertificate;
        assert_eq!(CollateralFault::Revoked { of }.finding().cause, Cause::Revoked);
        assert_eq!(CollateralFault::Signature { of }.finding().cause, Cause::CollateralFaulty);
    }
}
