//! The form in which TDX evidence travels.
//!
//! A quote of version 4 is the protobuf message `tdx.QuoteV4`, which carries it field by field; the signed bytes
//! are rebuilt from it. That message has no place for the body of a version 5 quote, so such a quote travels as
//! hardware made it. No protobuf message begins like one.

use prost::Message;

use super::{
    EnclaveReport, Header, Quote, QuoteError, TdReport, message,
    quote::{ATTESTATION_KEY_TYPE, PCK_CHAIN_CERTIFICATION, QE_REPORT_CERTIFICATION, TEE_TYPE},
};

/// A quote and what came with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    /// The quote.
    pub quote: Quote,
    /// What the attester added; not signed, and never looked at. A version 5 quote has none.
    pub extra_bytes: Vec<u8>,
}

/// Why bytes are not TDX evidence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not a protobuf message of this type.
    #[error("document is not a protobuf message of type tdx.QuoteV4: {0}")]
    Encoding(#[from] prost::DecodeError),
    /// A message that must be there is not.
    #[error("document has no {0}")]
    NoField(&'static str),
    /// A field has another length than in the quote format.
    #[error("document field {field} is {found} bytes long, but must be {expected}")]
    Length {
        /// Name of the field.
        field: &'static str,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// There are four RTMRs.
    #[error("document has {0} RTMRs, but must have 4")]
    RtmrCount(usize),
    /// A number does not fit the field of the quote.
    #[error("document field {field} has value {value}, which a quote cannot hold")]
    Range {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: u32,
    },
    /// A length that is repeated as a number is another one.
    #[error("document field {field} declares {declared} bytes, but there are {found}")]
    Size {
        /// Name of the field.
        field: &'static str,
        /// What the message says.
        declared: u32,
        /// What it contains.
        found: usize,
    },
    /// The message is for quotes of version 4 only.
    #[error("document is a tdx.QuoteV4 message with a quote of version {0}")]
    Version(u32),
    /// The quote in it is not well-formed.
    #[error(transparent)]
    Quote(#[from] QuoteError),
}

/// Reads TDX evidence. Unknown protobuf fields are skipped, as newer attesters may add some.
///
/// # Errors
/// See [`DocumentError`].
pub fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
    // A quote begins with its version. Field number 0 does not exist, so no message begins with this byte.
    if bytes.starts_with(&[5, 0]) {
        return Ok(Document { quote: Quote::parse(bytes)?, extra_bytes: Vec::new() });
    }
    if bytes.len() > Quote::MAX_LEN {
        return Err(QuoteError::TooLong { found: bytes.len() }.into());
    }
    let message = message::QuoteV4::decode(bytes)?;
    let quote = Quote::from_message(&message)?;
    Ok(Document { quote, extra_bytes: message.extra_bytes })
}

impl Document {
    /// Evidence from what the platform put out: a quote, possibly in a buffer that is longer.
    ///
    /// # Errors
    /// See [`QuoteError`].
    pub fn from_platform(bytes: &[u8]) -> Result<Self, QuoteError> {
        let (quote, rest) = Quote::parse_start(bytes)?;
        // Present attesters hand on what follows a version 4 quote. There is nothing in it, so it is left out.
        let extra_bytes = if rest.iter().all(|byte| *byte == 0) { Vec::new() } else { rest.to_vec() };
        Ok(Self { quote, extra_bytes })
    }

    /// The bytes that [`parse`] reads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self.quote.header.version {
            4 => self.quote.to_message(self.extra_bytes.clone()).encode_to_vec(),
            _ => self.quote.encode(),
        }
    }
}

impl Quote {
    fn from_message(message: &message::QuoteV4) -> Result<Self, DocumentError> {
        let header = message.header.as_ref().ok_or(DocumentError::NoField("header"))?;
        let body = message.td_quote_body.as_ref().ok_or(DocumentError::NoField("td_quote_body"))?;
        let signed = message.signed_data.as_ref().ok_or(DocumentError::NoField("signed_data"))?;
        let outer = signed.certification_data.as_ref();
        let outer = outer.ok_or(DocumentError::NoField("certification_data"))?;
        let certified = outer.qe_report_certification_data.as_ref();
        let certified = certified.ok_or(DocumentError::NoField("qe_report_certification_data"))?;
        let report = certified.qe_report.as_ref().ok_or(DocumentError::NoField("qe_report"))?;
        let auth_data = certified.qe_auth_data.as_ref().ok_or(DocumentError::NoField("qe_auth_data"))?;
        let chain = certified.pck_certificate_chain_data.as_ref();
        let chain = chain.ok_or(DocumentError::NoField("pck_certificate_chain_data"))?;
        certification_type(outer.certificate_data_type, QE_REPORT_CERTIFICATION)?;
        certification_type(chain.certificate_data_type, PCK_CHAIN_CERTIFICATION)?;

        let quote = Self {
            header: Header::from_message(header)?,
            body: TdReport::from_message(body)?,
            signature: array("signature", &signed.signature)?,
            attestation_key: array("ecdsa_attestation_key", &signed.ecdsa_attestation_key)?,
            qe_report: EnclaveReport::from_message(report)?,
            qe_report_signature: array("qe_report_signature", &certified.qe_report_signature)?,
            qe_auth_data: auth_data.data.clone(),
            pck_chain: chain.pck_cert_chain.clone(),
        };
        u16_field("parsed_data_size", auth_data.parsed_data_size)?;
        declared("parsed_data_size", auth_data.parsed_data_size, quote.qe_auth_data.len())?;
        declared("pck_certificate_chain_data.size", chain.size, quote.pck_chain.len())?;
        declared("certification_data.size", outer.size, quote.certification_size())?;
        declared("signed_data_size", message.signed_data_size, quote.signed_data_size())?;
        Ok(quote)
    }

    fn to_message(&self, extra_bytes: Vec<u8>) -> message::QuoteV4 {
        let chain = message::PckCertificateChainData {
            certificate_data_type: PCK_CHAIN_CERTIFICATION.into(),
            size: number(self.pck_chain.len()),
            pck_cert_chain: self.pck_chain.clone(),
        };
        let auth_data = message::QeAuthData {
            parsed_data_size: number(self.qe_auth_data.len()),
            data: self.qe_auth_data.clone(),
        };
        let certified = message::QeReportCertificationData {
            qe_report: Some(self.qe_report.to_message()),
            qe_report_signature: self.qe_report_signature.to_vec(),
            qe_auth_data: Some(auth_data),
            pck_certificate_chain_data: Some(chain),
        };
        let certification_data = message::CertificationData {
            certificate_data_type: QE_REPORT_CERTIFICATION.into(),
            size: number(self.certification_size()),
            qe_report_certification_data: Some(certified),
        };
        let signed_data = message::SignedData {
            signature: self.signature.to_vec(),
            ecdsa_attestation_key: self.attestation_key.to_vec(),
            certification_data: Some(certification_data),
        };
        message::QuoteV4 {
            header: Some(self.header.to_message()),
            td_quote_body: Some(self.body.to_message()),
            signed_data_size: number(self.signed_data_size()),
            signed_data: Some(signed_data),
            extra_bytes,
        }
    }
}

impl Header {
    fn from_message(message: &message::Header) -> Result<Self, DocumentError> {
        if message.version != 4 {
            return Err(DocumentError::Version(message.version));
        }
        if message.attestation_key_type != u32::from(ATTESTATION_KEY_TYPE) {
            return Err(QuoteError::AttestationKeyType(message.attestation_key_type).into());
        }
        if message.tee_type != TEE_TYPE {
            return Err(QuoteError::TeeType(message.tee_type).into());
        }
        Ok(Self {
            version: 4,
            qe_svn: array("qe_svn", &message.qe_svn)?,
            pce_svn: array("pce_svn", &message.pce_svn)?,
            qe_vendor_id: array("qe_vendor_id", &message.qe_vendor_id)?,
            user_data: array("user_data", &message.user_data)?,
        })
    }

    fn to_message(&self) -> message::Header {
        message::Header {
            version: self.version.into(),
            attestation_key_type: ATTESTATION_KEY_TYPE.into(),
            tee_type: TEE_TYPE,
            qe_svn: self.qe_svn.to_vec(),
            pce_svn: self.pce_svn.to_vec(),
            qe_vendor_id: self.qe_vendor_id.to_vec(),
            user_data: self.user_data.to_vec(),
        }
    }
}

impl TdReport {
    fn from_message(message: &message::TdQuoteBody) -> Result<Self, DocumentError> {
        let [rtmr0, rtmr1, rtmr2, rtmr3] = message.rtmrs.as_slice() else {
            return Err(DocumentError::RtmrCount(message.rtmrs.len()));
        };
        Ok(Self {
            tee_tcb_svn: array("tee_tcb_svn", &message.tee_tcb_svn)?,
            mr_seam: array("mr_seam", &message.mr_seam)?,
            mr_signer_seam: array("mr_signer_seam", &message.mr_signer_seam)?,
            seam_attributes: array("seam_attributes", &message.seam_attributes)?,
            td_attributes: array("td_attributes", &message.td_attributes)?,
            xfam: array("xfam", &message.xfam)?,
            mr_td: array("mr_td", &message.mr_td)?,
            mr_config_id: array("mr_config_id", &message.mr_config_id)?,
            mr_owner: array("mr_owner", &message.mr_owner)?,
            mr_owner_config: array("mr_owner_config", &message.mr_owner_config)?,
            rtmrs: [
                array("rtmrs", rtmr0)?,
                array("rtmrs", rtmr1)?,
                array("rtmrs", rtmr2)?,
                array("rtmrs", rtmr3)?,
            ],
            report_data: array("report_data", &message.report_data)?,
            tdx_1_5: None,
        })
    }

    fn to_message(&self) -> message::TdQuoteBody {
        message::TdQuoteBody {
            tee_tcb_svn: self.tee_tcb_svn.to_vec(),
            mr_seam: self.mr_seam.to_vec(),
            mr_signer_seam: self.mr_signer_seam.to_vec(),
            seam_attributes: self.seam_attributes.to_vec(),
            td_attributes: self.td_attributes.to_vec(),
            xfam: self.xfam.to_vec(),
            mr_td: self.mr_td.to_vec(),
            mr_config_id: self.mr_config_id.to_vec(),
            mr_owner: self.mr_owner.to_vec(),
            mr_owner_config: self.mr_owner_config.to_vec(),
            rtmrs: self.rtmrs.iter().map(|register| register.to_vec()).collect(),
            report_data: self.report_data.to_vec(),
        }
    }
}

impl EnclaveReport {
    fn from_message(message: &message::EnclaveReport) -> Result<Self, DocumentError> {
        Ok(Self {
            cpu_svn: array("cpu_svn", &message.cpu_svn)?,
            misc_select: message.misc_select,
            reserved1: array("reserved1", &message.reserved1)?,
            attributes: array("attributes", &message.attributes)?,
            mr_enclave: array("mr_enclave", &message.mr_enclave)?,
            reserved2: array("reserved2", &message.reserved2)?,
            mr_signer: array("mr_signer", &message.mr_signer)?,
            reserved3: array("reserved3", &message.reserved3)?,
            isv_prod_id: u16_field("isv_prod_id", message.isv_prod_id)?,
            isv_svn: u16_field("isv_svn", message.isv_svn)?,
            reserved4: array("reserved4", &message.reserved4)?,
            report_data: array("report_data", &message.report_data)?,
        })
    }

    fn to_message(&self) -> message::EnclaveReport {
        message::EnclaveReport {
            cpu_svn: self.cpu_svn.to_vec(),
            misc_select: self.misc_select,
            reserved1: self.reserved1.to_vec(),
            attributes: self.attributes.to_vec(),
            mr_enclave: self.mr_enclave.to_vec(),
            reserved2: self.reserved2.to_vec(),
            mr_signer: self.mr_signer.to_vec(),
            reserved3: self.reserved3.to_vec(),
            isv_prod_id: self.isv_prod_id.into(),
            isv_svn: self.isv_svn.into(),
            reserved4: self.reserved4.to_vec(),
            report_data: self.report_data.to_vec(),
        }
    }
}

fn array<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], DocumentError> {
    bytes.try_into().map_err(|_| DocumentError::Length { field, expected: N, found: bytes.len() })
}

fn u16_field(field: &'static str, value: u32) -> Result<u16, DocumentError> {
    u16::try_from(value).map_err(|_| DocumentError::Range { field, value })
}

fn certification_type(found: u32, expected: u16) -> Result<(), QuoteError> {
    if found == u32::from(expected) {
        Ok(())
    } else {
        Err(QuoteError::CertificationDataType { expected, found })
    }
}

fn declared(field: &'static str, declared: u32, found: usize) -> Result<(), DocumentError> {
    if usize::try_from(declared) == Ok(found) {
        Ok(())
    } else {
        Err(DocumentError::Size { field, declared, found })
    }
}

/// A length as a message holds it. A quote that was read is shorter than that.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
