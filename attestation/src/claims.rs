//! What an appraisal found to be true.

use crate::EvidenceType;

/// The value of one claim, typed as the certificate extension that repeats it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimValue {
    /// ASN.1 INTEGER.
    Integer(u64),
    /// ASN.1 BOOLEAN.
    Boolean(bool),
    /// ASN.1 OCTET STRING.
    Bytes(Vec<u8>),
}

/// Appraised evidence: everything in here was checked against a signature and reference values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// What kind of evidence the claims come from.
    pub evidence_type: EvidenceType,
    /// Name of the reference value entry that accepted it, for example `snp-0-MILAN`.
    pub accepted_by: String,
    /// What the host declared at launch: the SHA-256 of the pod's policy document.
    pub host_data: [u8; 32],
    /// Claims by their last object identifier arc below that of the evidence type, ascending.
    pub values: Vec<(u64, ClaimValue)>,
}
