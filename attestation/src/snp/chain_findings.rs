//! Broken chains in words, and what kind of fault they are.

use super::{
    chain::{ChainError, Place},
    revocation::RevocationError,
};
use crate::{Cause, Finding};

impl ChainError {
    pub(crate) fn finding(&self) -> Finding {
        let certificate = |place: Place| format!("{place} certificate");
        match self {
            Self::Missing(place) => Finding::new(
                Cause::CertificateNotSent,
                certificate(*place),
                "a certificate",
                "none in the evidence",
            ),
            Self::Malformed(place, error) => {
                Finding::new(Cause::BrokenChain, certificate(*place), "an AMD certificate in DER", error)
            }
            Self::ForeignRoot { expected, found } => Finding::new(
                Cause::ForeignRoot,
                "ARK certificate",
                format!("the pinned root with SHA-256 {}", hex::encode(expected)),
                hex::encode(found),
            ),
            Self::CommonName { place, expected, found } => Finding::new(
                Cause::BrokenChain,
                format!("{place} certificate common name"),
                expected,
                format_args!("{found:?}"),
            ),
            Self::Issuer(place) => Finding::new(
                Cause::BrokenChain,
                format!("{place} certificate issuer"),
                format!("the subject of the {} certificate", place.above()),
                "another name",
            ),
            Self::NotAnAuthority(place) => Finding::new(
                Cause::BrokenChain,
                certificate(*place),
                "a certificate authority",
                "a key that may not sign certificates",
            ),
            Self::Signature(place) => Finding::new(
                Cause::BrokenChain,
                format!("{place} certificate signature"),
                format!("a signature by the {} (RSASSA-PSS with SHA-384, 4096 bits)", place.above()),
                "one that does not verify",
            ),
            Self::Extension(kind, extension) => Finding::new(
                Cause::BrokenChain,
                format!("{kind} certificate extension {}", extension.0),
                "as in AMD document 57230",
                "missing or malformed",
            ),
        }
    }
}

impl RevocationError {
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Missing { .. } => Cause::RevocationListMissing,
            Self::List(_) => Cause::RevocationListFaulty,
            Self::NotYetValid | Self::Expired => Cause::RevocationListDates,
            Self::Revoked(_) => Cause::Revoked,
        }
    }
}
