//! What Intel publishes about a kind of platform: TCB levels, the quoting enclave's identity, revocation lists.
//!
//! Intel "PCS API" version 4. Here it is parsed; [`Collateral::verify`] checks signatures.

use dcap_qvl::{QeIdentity, TcbInfo};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_cert::der::DateTime;

use super::{
    PckCa,
    certificate::{Certificate, CertificateError},
    revocation::{RevocationList, RevocationListError},
    validity::{Dated, Validity, common_moment},
};

/// The answers of Intel's service, as they came. In JSON, byte strings are hex.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CollateralParts {
    /// PEM: PCK CA, root (header `SGX-PCK-CRL-Issuer-Chain`).
    pub pck_crl_issuer_chain: String,
    /// DER revocation list of the root.
    #[serde(with = "hex_text")]
    pub root_ca_crl: Vec<u8>,
    /// DER revocation list of the PCK CA.
    #[serde(with = "hex_text")]
    pub pck_crl: Vec<u8>,
    /// PEM: TCB signing certificate, root (header `TCB-Info-Issuer-Chain`).
    pub tcb_info_issuer_chain: String,
    /// The member `tcbInfo` of the answer, byte for byte.
    pub tcb_info: String,
    /// ECDSA P-256 over it: r and s, big endian.
    #[serde(with = "hex_text")]
    pub tcb_info_signature: Vec<u8>,
    /// PEM: TCB signing certificate, root (header `SGX-Enclave-Identity-Issuer-Chain`).
    pub qe_identity_issuer_chain: String,
    /// The member `enclaveIdentity` of the answer, byte for byte.
    pub qe_identity: String,
    /// ECDSA P-256 over it: r and s, big endian.
    #[serde(with = "hex_text")]
    pub qe_identity_signature: Vec<u8>,
}

/// Collateral whose form is right.
pub struct Collateral {
    parts: CollateralParts,
    digest: [u8; 32],
    fmspc: [u8; 6],
    pub(super) pce_id: [u8; 2],
    ca: PckCa,
    validity: Vec<Validity>,
    pub(super) tcb_info: TcbInfo,
    pub(super) qe_identity: QeIdentity,
    pub(super) pck_crl_issuers: IssuerChain,
    pub(super) tcb_info_issuers: IssuerChain,
    pub(super) qe_identity_issuers: IssuerChain,
    pub(super) root_crl: RevocationList,
    pub(super) pck_crl: RevocationList,
}

/// A key of Intel's and the root that it says is above it.
pub(super) struct IssuerChain {
    pub(super) signer: Certificate,
    pub(super) root: Certificate,
}

/// Why bytes are not collateral.
#[derive(Debug, thiserror::Error)]
pub enum CollateralError {
    /// Longer than any collateral.
    #[error("collateral is {found} bytes long, but none is longer than {}", Collateral::MAX_LEN)]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// Not JSON with the members of [`CollateralParts`].
    #[error("collateral is not the JSON of TDX collateral: {0}")]
    Json(serde_json::Error),
    /// A list of certificates that is none.
    #[error("collateral field {field} has {error}")]
    Certificates {
        /// Name of the member.
        field: &'static str,
        /// What is wrong.
        error: CertificateError,
    },
    /// An issuer chain is a signer and a root.
    #[error("collateral field {field} has {found} certificates, but must have 2")]
    ChainLength {
        /// Name of the member.
        field: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A revocation list that is none.
    #[error("collateral field {field} has {error}")]
    RevocationList {
        /// Name of the member.
        field: &'static str,
        /// What is wrong.
        error: RevocationListError,
    },
    /// Signed JSON that cannot be read.
    #[error("collateral field {field} is not what Intel publishes there: {error}")]
    SignedJson {
        /// Name of the member.
        field: &'static str,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// A value in signed JSON that cannot be read.
    #[error("collateral has {found:?} as {field}, but {expected} was expected")]
    Value {
        /// Name of the member.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

impl Collateral {
    /// Longest collateral that is read, in bytes. The longest part is the PCK revocation list.
    pub const MAX_LEN: usize = 1 << 24;

    /// Reads the JSON form of [`CollateralParts`]. Unknown members are skipped.
    ///
    /// # Errors
    /// See [`CollateralError`].
    pub fn parse(json: &[u8]) -> Result<Self, CollateralError> {
        if json.len() > Self::MAX_LEN {
            return Err(CollateralError::TooLong { found: json.len() });
        }
        Self::new(serde_json::from_slice(json).map_err(CollateralError::Json)?)
    }

    /// Reads the answers of Intel's service. Their signatures are checked by [`Collateral::verify`].
    ///
    /// # Errors
    /// See [`CollateralError`].
    pub fn new(parts: CollateralParts) -> Result<Self, CollateralError> {
        let pck_crl_issuers = IssuerChain::parse("pck_crl_issuer_chain", &parts.pck_crl_issuer_chain)?;
        let tcb_info_issuers = IssuerChain::parse("tcb_info_issuer_chain", &parts.tcb_info_issuer_chain)?;
        let qe_identity_issuers =
            IssuerChain::parse("qe_identity_issuer_chain", &parts.qe_identity_issuer_chain)?;
        let root_crl = revocation_list("root_ca_crl", &parts.root_ca_crl)?;
        let pck_crl = revocation_list("pck_crl", &parts.pck_crl)?;
        let tcb_info: TcbInfo = signed_json("tcb_info", &parts.tcb_info)?;
        let qe_identity: QeIdentity = signed_json("qe_identity", &parts.qe_identity)?;
        let ca = PckCa::from_common_name(pck_crl_issuers.signer.common_name()).ok_or_else(|| {
            let found = pck_crl_issuers.signer.common_name().to_owned();
            let expected = "the name of an Intel PCK CA";
            CollateralError::Value { field: "issuer of pck_crl", expected, found }
        })?;
        let validity = vec![
            pck_crl_issuers.root.dated(Dated::RootCertificate),
            pck_crl_issuers.signer.dated(Dated::PckCaCertificate),
            tcb_info_issuers.signer.dated(Dated::TcbInfoSigningCertificate),
            qe_identity_issuers.signer.dated(Dated::QeIdentitySigningCertificate),
            root_crl.dated(Dated::RootCrl),
            pck_crl.dated(Dated::PckCrl),
            Validity {
                of: Dated::TcbInfo,
                not_before: date("tcb_info.issueDate", &tcb_info.issue_date)?,
                not_after: date("tcb_info.nextUpdate", &tcb_info.next_update)?,
            },
            Validity {
                of: Dated::QeIdentity,
                not_before: date("qe_identity.issueDate", &qe_identity.issue_date)?,
                not_after: date("qe_identity.nextUpdate", &qe_identity.next_update)?,
            },
        ];
        Ok(Self {
            digest: parts.digest(),
            fmspc: hex_value("tcb_info.fmspc", "6 bytes in hex", &tcb_info.fmspc)?,
            pce_id: hex_value("tcb_info.pceId", "2 bytes in hex", &tcb_info.pce_id)?,
            ca,
            validity,
            tcb_info,
            qe_identity,
            pck_crl_issuers,
            tcb_info_issuers,
            qe_identity_issuers,
            root_crl,
            pck_crl,
            parts,
        })
    }

    /// What it was made from.
    #[must_use]
    pub fn parts(&self) -> &CollateralParts {
        &self.parts
    }

    /// SHA-256 over all parts and their lengths. Equal collateral has an equal digest.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The family of platforms that it is about (`FMSPC`).
    #[must_use]
    pub fn fmspc(&self) -> [u8; 6] {
        self.fmspc
    }

    /// Whose PCK certificates its revocation list is about.
    #[must_use]
    pub fn ca(&self) -> PckCa {
        self.ca
    }

    /// The lower of the TCB evaluation data numbers of TCB info and QE identity: how much Intel knew about
    /// vulnerabilities when it wrote them.
    #[must_use]
    pub fn tcb_evaluation_data_number(&self) -> u32 {
        self.tcb_info.tcb_evaluation_data_number.min(self.qe_identity.tcb_evaluation_data_number)
    }

    /// From when until when its parts may be used. The collateral as a whole: while all of them may.
    #[must_use]
    pub fn validity(&self) -> &[Validity] {
        &self.validity
    }

    /// The first moment at which all of it, and `others`, may be used.
    pub(super) fn common_moment(&self, others: &[Validity]) -> Option<std::time::SystemTime> {
        common_moment(self.validity.iter().chain(others))
    }
}

impl std::fmt::Debug for Collateral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Collateral({} {})", hex::encode(self.fmspc), self.ca.name())
    }
}

impl CollateralParts {
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [
            self.pck_crl_issuer_chain.as_bytes(),
            &self.root_ca_crl,
            &self.pck_crl,
            self.tcb_info_issuer_chain.as_bytes(),
            self.tcb_info.as_bytes(),
            &self.tcb_info_signature,
            self.qe_identity_issuer_chain.as_bytes(),
            self.qe_identity.as_bytes(),
            &self.qe_identity_signature,
        ] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl IssuerChain {
    fn parse(field: &'static str, pem: &str) -> Result<Self, CollateralError> {
        let chain = Certificate::parse_chain(pem.as_bytes())
            .map_err(|error| CollateralError::Certificates { field, error })?;
        let found = chain.len();
        let [signer, root] =
            <[Certificate; 2]>::try_from(chain).map_err(|_| CollateralError::ChainLength { field, found })?;
        Ok(Self { signer, root })
    }

    pub(super) fn pem(&self) -> Result<String, CertificateError> {
        Ok([self.signer.pem()?, self.root.pem()?].concat())
    }
}

impl Certificate {
    pub(super) fn dated(&self, of: Dated) -> Validity {
        let (not_before, not_after) = self.validity();
        Validity { of, not_before, not_after }
    }
}

impl RevocationList {
    fn dated(&self, of: Dated) -> Validity {
        Validity { of, not_before: self.this_update, not_after: self.next_update }
    }
}

fn revocation_list(field: &'static str, der: &[u8]) -> Result<RevocationList, CollateralError> {
    RevocationList::parse(der).map_err(|error| CollateralError::RevocationList { field, error })
}

fn signed_json<'a, T: Deserialize<'a>>(field: &'static str, json: &'a str) -> Result<T, CollateralError> {
    serde_json::from_str(json).map_err(|error| CollateralError::SignedJson { field, error })
}

fn date(field: &'static str, text: &str) -> Result<std::time::SystemTime, CollateralError> {
    let time: Result<DateTime, _> = text.parse();
    time.map(|time| time.to_system_time()).map_err(|_| CollateralError::Value {
        field,
        expected: "a time like 2025-06-19T10:16:03Z",
        found: text.to_owned(),
    })
}

fn hex_value<const N: usize>(
    field: &'static str,
    expected: &'static str,
    text: &str,
) -> Result<[u8; N], CollateralError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| CollateralError::Value {
        field,
        expected,
        found: text.to_owned(),
    })?;
    Ok(bytes)
}

/// Byte strings in JSON: lower-case hex.
mod hex_text {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        hex::decode(text.as_ref()).map_err(D::Error::custom)
    }
}
