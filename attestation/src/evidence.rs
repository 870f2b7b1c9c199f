//! What an attester produces.

use sha2::{Digest, Sha512};

use crate::AttestError;

/// The 64 bytes that evidence is bound to (AMD SEV-SNP ABI, `REPORT_DATA`; Intel TDX, `REPORTDATA`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportData(pub [u8; 64]);

impl ReportData {
    /// Binds evidence to a TLS key and to the nonce that the other side chose:
    /// SHA-512 of the DER SubjectPublicKeyInfo followed by the nonce.
    #[must_use]
    pub fn for_tls_key(spki_der: &[u8], nonce: &[u8]) -> Self {
        Self(Sha512::new().chain_update(spki_der).chain_update(nonce).finalize().into())
    }
}

/// The format of evidence, named by an object identifier in the certificate that carries it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EvidenceType {
    /// AMD SEV-SNP attestation report, signed by a chip's VCEK or VLEK.
    Snp,
    /// Intel TDX quote.
    Tdx,
    /// SNP-layout report of the software secure processor in [`crate::simulated`]. Not confidential.
    Simulated,
}

impl EvidenceType {
    /// All types, in the order of their object identifiers.
    pub const ALL: [Self; 3] = [Self::Snp, Self::Tdx, Self::Simulated];

    /// The arcs of the certificate extension's object identifier.
    #[must_use]
    pub fn oid(self) -> &'static [u64] {
        match self {
            Self::Snp => &[1, 3, 9901, 2, 1],
            Self::Tdx => &[1, 3, 9901, 2, 2],
            // An arc of our own: no present client takes it for hardware.
            Self::Simulated => &[1, 3, 9901, 2, 100],
        }
    }

    /// The name that messages show.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Snp => "SEV-SNP",
            Self::Tdx => "TDX",
            Self::Simulated => "simulated SEV-SNP (not confidential)",
        }
    }
}

/// Evidence as it travels: a type and its document.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Says how to read the document.
    pub evidence_type: EvidenceType,
    /// The value of the certificate extension, bytes as they are on the wire.
    pub document: Vec<u8>,
}

/// Makes evidence about the environment that it runs in.
///
/// Producing a report can block for milliseconds to seconds: never call it on an async thread, unless the attester
/// says that it does not wait.
pub trait Attester: Send + Sync {
    /// The type of evidence that this attester makes.
    fn evidence_type(&self) -> EvidenceType;

    /// Whether [`Attester::attest`] waits for anything but the processor's own arithmetic: a device, a file, the
    /// network. An attester that does not say is taken to.
    fn waits(&self) -> bool {
        true
    }

    /// Makes evidence bound to `report_data`.
    ///
    /// # Errors
    /// When the platform cannot be asked; see [`AttestError`].
    fn attest(&self, report_data: &ReportData) -> Result<Evidence, AttestError>;
}
