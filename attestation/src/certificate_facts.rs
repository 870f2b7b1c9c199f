//! What a certificate of an endorsement chain says, whether or not anybody should believe it.

use std::time::SystemTime;

/// Where something that endorses evidence comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The attester sent it with the evidence.
    Evidence,
    /// It is part of this program.
    Program,
    /// The vendor published it: from a bundle, a proxy or the vendor.
    Collateral,
}

impl Origin {
    /// The word for it in messages: `evidence`, `program` or `collateral`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Program => "program",
            Self::Collateral => "collateral",
        }
    }
}

/// A certificate of a chain, as it is written. What was verified is said elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFacts {
    /// Its place in the chain, in the vendor's words: `VCEK`, `ASK`, `ARK`, `PCK`, `PCK CA`, `root CA`.
    pub place: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Subject in the form of RFC 4514.
    pub subject: String,
    /// Issuer in the form of RFC 4514.
    pub issuer: String,
    /// Serial number, big endian, without leading zeros.
    pub serial: Vec<u8>,
    /// First moment of validity.
    pub not_before: SystemTime,
    /// Last moment of validity.
    pub not_after: SystemTime,
    /// SHA-256 of the certificate in DER.
    pub digest: [u8; 32],
}
