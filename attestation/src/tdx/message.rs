//! The protobuf message `tdx.QuoteV4` and the messages in it.
//!
//! Numbers are those of the message's published definition; every `bytes` field has the length of the field of
//! the quote that it repeats.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct QuoteV4 {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<Header>,
    #[prost(message, optional, tag = "2")]
    pub(super) td_quote_body: Option<TdQuoteBody>,
    #[prost(uint32, tag = "3")]
    pub(super) signed_data_size: u32,
    #[prost(message, optional, tag = "4")]
    pub(super) signed_data: Option<SignedData>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) extra_bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Header {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(uint32, tag = "2")]
    pub(super) attestation_key_type: u32,
    #[prost(uint32, tag = "3")]
    pub(super) tee_type: u32,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) qe_svn: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) pce_svn: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) qe_vendor_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) user_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TdQuoteBody {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) tee_tcb_svn: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) mr_seam: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) mr_signer_seam: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) seam_attributes: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) td_attributes: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) xfam: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) mr_td: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub(super) mr_config_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "9")]
    pub(super) mr_owner: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub(super) mr_owner_config: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "11")]
    pub(super) rtmrs: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "12")]
    pub(super) report_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignedData {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) ecdsa_attestation_key: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub(super) certification_data: Option<CertificationData>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CertificationData {
    #[prost(uint32, tag = "1")]
    pub(super) certificate_data_type: u32,
    #[prost(uint32, tag = "2")]
    pub(super) size: u32,
    #[prost(message, optional, tag = "3")]
    pub(super) qe_report_certification_data: Option<QeReportCertificationData>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct QeReportCertificationData {
    #[prost(message, optional, tag = "1")]
    pub(super) qe_report: Option<EnclaveReport>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) qe_report_signature: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub(super) qe_auth_data: Option<QeAuthData>,
    #[prost(message, optional, tag = "4")]
    pub(super) pck_certificate_chain_data: Option<PckCertificateChainData>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct QeAuthData {
    #[prost(uint32, tag = "1")]
    pub(super) parsed_data_size: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PckCertificateChainData {
    #[prost(uint32, tag = "1")]
    pub(super) certificate_data_type: u32,
    #[prost(uint32, tag = "2")]
    pub(super) size: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) pck_cert_chain: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EnclaveReport {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) cpu_svn: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub(super) misc_select: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) reserved1: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) attributes: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) mr_enclave: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) reserved2: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) mr_signer: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub(super) reserved3: Vec<u8>,
    #[prost(uint32, tag = "9")]
    pub(super) isv_prod_id: u32,
    #[prost(uint32, tag = "10")]
    pub(super) isv_svn: u32,
    #[prost(bytes = "vec", tag = "11")]
    pub(super) reserved4: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    pub(super) report_data: Vec<u8>,
}
