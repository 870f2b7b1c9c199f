//! The form in which SNP evidence travels: the protobuf message `sevsnp.Attestation`.
//!
//! It carries the report field by field, so the signed bytes are rebuilt from it, and optionally the
//! certificates and the revocation list that endorse it.

use std::collections::HashMap;

use prost::Message;

use super::{CpuId, FirmwareVersion, MitigationVectors, Product, Report, ReportError, SigningKey};

/// Key of the revocation list in the `extras` of the certificate chain.
const REVOCATION_LIST: &str = "00569ee4-e480-4fba-bbf4-45b629901180";

/// A report and what endorses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    /// The report.
    pub report: Report,
    /// Certificates, as far as the attester has them.
    pub endorsements: Endorsements,
    /// The product line that the attester names. Not signed: a report of version 2 has no other source.
    pub product: Option<Product>,
}

/// Certificates in DER. An empty field means that the attester sent none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Endorsements {
    /// Versioned chip endorsement key.
    pub vcek: Vec<u8>,
    /// Versioned loaded endorsement key.
    pub vlek: Vec<u8>,
    /// AMD signing key: ASK, or ASVK where a VLEK signs.
    pub ask: Vec<u8>,
    /// AMD root key.
    pub ark: Vec<u8>,
    /// Certificate revocation list of the ARK.
    pub revocation_list: Vec<u8>,
}

impl Endorsements {
    /// The certificate of this kind of key.
    pub(crate) fn of(&self, kind: SigningKey) -> &[u8] {
        match kind {
            SigningKey::Vcek => &self.vcek,
            SigningKey::Vlek => &self.vlek,
        }
    }
}

impl Document {
    /// Longest document that is read, in bytes. A report with three certificates and AMD's revocation list has some 8,000.
    pub const MAX_LEN: usize = 40 << 10;
}

/// Why bytes are not an attestation document.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DocumentError {
    /// Longer than any document.
    #[error(
        "document is {found} bytes long, but at most {} are read; leave out certificates that do not belong to the report",
        Document::MAX_LEN
    )]
    TooLong {
        /// Bytes that it has.
        found: usize,
    },
    /// Not a protobuf message of this type.
    #[error("document is not a protobuf message of type sevsnp.Attestation: {0}")]
    Encoding(#[from] prost::DecodeError),
    /// The message has no report.
    #[error("document has no report")]
    NoReport,
    /// A field of the report has another length than in the ABI specification.
    #[error("document field {field} is {found} bytes long, but must be {expected}")]
    Length {
        /// Name of the field.
        field: &'static str,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// A number does not fit the field of the report, or the report's version does not have the field.
    #[error("document field {field} has value {value:#x}, which a report of version {version} cannot hold")]
    Range {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// Version of the report.
        version: u32,
    },
    /// Only Milan, Genoa and Turin are known.
    #[error("document names product {0}, but only 1 (Milan), 2 (Genoa) and 3 (Turin) are known")]
    Product(i32),
    /// The report in it is not well-formed.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// Reads a document. Unknown protobuf fields are skipped, as newer attesters may add some.
///
/// # Errors
/// See [`DocumentError`].
pub fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
    if bytes.len() > Document::MAX_LEN {
        return Err(DocumentError::TooLong { found: bytes.len() });
    }
    let message = AttestationMessage::decode(bytes)?;
    let report = message.report.ok_or(DocumentError::NoReport)?.into_report()?;
    let product = match message.product.map_or(0, |product| product.name) {
        0 => None,
        1 => Some(Product::Milan),
        2 => Some(Product::Genoa),
        3 => Some(Product::Turin),
        other => return Err(DocumentError::Product(other)),
    };
    let mut chain = message.certificate_chain.unwrap_or_default();
    let endorsements = Endorsements {
        revocation_list: chain.extras.remove(REVOCATION_LIST).unwrap_or_default(),
        vcek: chain.vcek_cert,
        vlek: chain.vlek_cert,
        ask: chain.ask_cert,
        ark: chain.ark_cert,
    };
    Ok(Document { report, endorsements, product })
}

impl Document {
    /// The bytes that [`parse`] reads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.clone().into_bytes()
    }

    /// [`Document::encode`], without a copy of the certificates.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        let Endorsements { vcek, vlek, ask, ark, revocation_list } = self.endorsements;
        let extras = (!revocation_list.is_empty())
            .then(|| (REVOCATION_LIST.to_owned(), revocation_list))
            .into_iter()
            .collect();
        let chain = ChainMessage { vcek_cert: vcek, ask_cert: ask, ark_cert: ark, vlek_cert: vlek, extras };
        let product = self.product.map(|product| ProductMessage {
            name: match product {
                Product::Milan => 1,
                Product::Genoa => 2,
                Product::Turin => 3,
            },
        });
        let message = AttestationMessage {
            report: Some(ReportMessage::from_report(&self.report)),
            certificate_chain: Some(chain),
            product,
        };
        message.encode_to_vec()
    }
}

#[derive(Clone, PartialEq, Message)]
struct AttestationMessage {
    #[prost(message, optional, tag = "1")]
    report: Option<ReportMessage>,
    #[prost(message, optional, tag = "2")]
    certificate_chain: Option<ChainMessage>,
    #[prost(message, optional, tag = "3")]
    product: Option<ProductMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ChainMessage {
    #[prost(bytes = "vec", tag = "1")]
    vcek_cert: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    ask_cert: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    ark_cert: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    vlek_cert: Vec<u8>,
    #[prost(map = "string, bytes", tag = "7")]
    extras: HashMap<String, Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ProductMessage {
    #[prost(int32, tag = "1")]
    name: i32,
}

#[derive(Clone, PartialEq, Message)]
struct ReportMessage {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint32, tag = "2")]
    guest_svn: u32,
    #[prost(uint64, tag = "3")]
    policy: u64,
    #[prost(bytes = "vec", tag = "4")]
    family_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    image_id: Vec<u8>,
    #[prost(uint32, tag = "6")]
    vmpl: u32,
    #[prost(uint32, tag = "7")]
    signature_algo: u32,
    #[prost(uint64, tag = "8")]
    current_tcb: u64,
    #[prost(uint64, tag = "9")]
    platform_info: u64,
    #[prost(uint32, tag = "10")]
    signer_info: u32,
    #[prost(bytes = "vec", tag = "11")]
    report_data: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    measurement: Vec<u8>,
    #[prost(bytes = "vec", tag = "13")]
    host_data: Vec<u8>,
    #[prost(bytes = "vec", tag = "14")]
    id_key_digest: Vec<u8>,
    #[prost(bytes = "vec", tag = "15")]
    author_key_digest: Vec<u8>,
    #[prost(bytes = "vec", tag = "16")]
    report_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "17")]
    report_id_ma: Vec<u8>,
    #[prost(uint64, tag = "18")]
    reported_tcb: u64,
    #[prost(bytes = "vec", tag = "19")]
    chip_id: Vec<u8>,
    #[prost(uint64, tag = "20")]
    committed_tcb: u64,
    #[prost(uint32, tag = "21")]
    current_build: u32,
    #[prost(uint32, tag = "22")]
    current_minor: u32,
    #[prost(uint32, tag = "23")]
    current_major: u32,
    #[prost(uint32, tag = "24")]
    committed_build: u32,
    #[prost(uint32, tag = "25")]
    committed_minor: u32,
    #[prost(uint32, tag = "26")]
    committed_major: u32,
    #[prost(uint64, tag = "27")]
    launch_tcb: u64,
    #[prost(bytes = "vec", tag = "28")]
    signature: Vec<u8>,
    #[prost(uint32, tag = "29")]
    cpuid1eax_fms: u32,
    #[prost(uint64, tag = "30")]
    launch_mit_vector: u64,
    #[prost(uint64, tag = "31")]
    current_mit_vector: u64,
}

impl ReportMessage {
    fn into_report(self) -> Result<Report, DocumentError> {
        let version = self.version;
        let range = |field, value: u64| DocumentError::Range { field, value, version };
        let byte = |field, value: u32| u8::try_from(value).map_err(|_| range(field, u64::from(value)));
        // A known version first: what the other fields may hold depends on it.
        if !(2..=5).contains(&version) {
            return Err(ReportError::Version(version).into());
        }
        let cpuid = match (version, self.cpuid1eax_fms) {
            (2, 0) => None,
            (2, eax) => return Err(range("cpuid1eax_fms", u64::from(eax))),
            (_, eax) => {
                Some(CpuId::from_leaf_1_eax(eax).ok_or_else(|| range("cpuid1eax_fms", u64::from(eax)))?)
            }
        };
        let (launch, current) = (self.launch_mit_vector, self.current_mit_vector);
        let mitigations = match version {
            5.. => Some(MitigationVectors { launch, current }),
            _ if launch != 0 => return Err(range("launch_mit_vector", launch)),
            _ if current != 0 => return Err(range("current_mit_vector", current)),
            _ => None,
        };
        Ok(Report {
            version,
            guest_svn: self.guest_svn,
            policy: self.policy,
            family_id: fixed("family_id", &self.family_id)?,
            image_id: fixed("image_id", &self.image_id)?,
            vmpl: self.vmpl,
            signature_algo: self.signature_algo,
            current_tcb: self.current_tcb,
            platform_info: self.platform_info,
            signer_info: self.signer_info,
            report_data: fixed("report_data", &self.report_data)?,
            measurement: fixed("measurement", &self.measurement)?,
            host_data: fixed("host_data", &self.host_data)?,
            id_key_digest: fixed("id_key_digest", &self.id_key_digest)?,
            author_key_digest: fixed("author_key_digest", &self.author_key_digest)?,
            report_id: fixed("report_id", &self.report_id)?,
            report_id_ma: fixed("report_id_ma", &self.report_id_ma)?,
            reported_tcb: self.reported_tcb,
            cpuid,
            chip_id: fixed("chip_id", &self.chip_id)?,
            committed_tcb: self.committed_tcb,
            current: FirmwareVersion {
                build: byte("current_build", self.current_build)?,
                minor: byte("current_minor", self.current_minor)?,
                major: byte("current_major", self.current_major)?,
            },
            committed: FirmwareVersion {
                build: byte("committed_build", self.committed_build)?,
                minor: byte("committed_minor", self.committed_minor)?,
                major: byte("committed_major", self.committed_major)?,
            },
            launch_tcb: self.launch_tcb,
            mitigations,
            signature: fixed("signature", &self.signature)?,
        })
    }

    fn from_report(report: &Report) -> Self {
        Self {
            version: report.version,
            guest_svn: report.guest_svn,
            policy: report.policy,
            family_id: report.family_id.to_vec(),
            image_id: report.image_id.to_vec(),
            vmpl: report.vmpl,
            signature_algo: report.signature_algo,
            current_tcb: report.current_tcb,
            platform_info: report.platform_info,
            signer_info: report.signer_info,
            report_data: report.report_data.to_vec(),
            measurement: report.measurement.to_vec(),
            host_data: report.host_data.to_vec(),
            id_key_digest: report.id_key_digest.to_vec(),
            author_key_digest: report.author_key_digest.to_vec(),
            report_id: report.report_id.to_vec(),
            report_id_ma: report.report_id_ma.to_vec(),
            reported_tcb: report.reported_tcb,
            chip_id: report.chip_id.to_vec(),
            committed_tcb: report.committed_tcb,
            current_build: u32::from(report.current.build),
            current_minor: u32::from(report.current.minor),
            current_major: u32::from(report.current.major),
            committed_build: u32::from(report.committed.build),
            committed_minor: u32::from(report.committed.minor),
            committed_major: u32::from(report.committed.major),
            launch_tcb: report.launch_tcb,
            signature: report.signature.to_vec(),
            cpuid1eax_fms: report.cpuid.and_then(CpuId::to_leaf_1_eax).unwrap_or(0),
            launch_mit_vector: report.mitigations.map_or(0, |vectors| vectors.launch),
            current_mit_vector: report.mitigations.map_or(0, |vectors| vectors.current),
        }
    }
}

fn fixed<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], DocumentError> {
    bytes.try_into().map_err(|_| DocumentError::Length { field, expected: N, found: bytes.len() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(version: u32, product: Product) -> Report {
        let mut bytes = [0; Report::LENGTH];
        bytes.iter_mut().zip(version.to_le_bytes()).for_each(|(to, from)| *to = from);
        let mut report = Report::parse(&bytes).unwrap();
        report.cpuid = report.cpuid.map(|_| product.typical_cpuid());
        report
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        for (version, product) in
            [(2, Product::Milan), (3, Product::Genoa), (4, Product::Turin), (5, Product::Turin)]
        {
            let endorsements = Endorsements {
                vcek: vec![1],
                vlek: vec![2],
                ask: vec![3],
                ark: vec![4],
                revocation_list: vec![5],
            };
            let document =
                Document { report: report(version, product), endorsements, product: Some(product) };
            assert_eq!(parse(&document.encode()), Ok(document));
        }
    }

    #[test]
    fn each_field_has_the_length_of_the_abi_specification() {
        let mut message = ReportMessage::from_report(&report(5, Product::Genoa));
        message.chip_id.push(0);
        let expected = DocumentError::Length { field: "chip_id", expected: 64, found: 65 };
        assert_eq!(message.into_report(), Err(expected));
    }

    #[test]
    fn a_number_that_the_report_has_no_room_for_is_refused() {
        let mut message = ReportMessage::from_report(&report(5, Product::Genoa));
        message.current_minor = 256;
        let expected = DocumentError::Range { field: "current_minor", value: 256, version: 5 };
        assert_eq!(message.into_report(), Err(expected));
    }

    #[test]
    fn an_unknown_product_is_refused() {
        let message = AttestationMessage {
            report: Some(ReportMessage::from_report(&report(2, Product::Milan))),
            certificate_chain: None,
            product: Some(ProductMessage { name: 4 }),
        };
        assert_eq!(parse(&message.encode_to_vec()), Err(DocumentError::Product(4)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
