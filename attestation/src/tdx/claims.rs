//! Claims of accepted evidence: the last arc of the certificate extension that repeats each.

use super::{
    Document,
    quote::{ATTESTATION_KEY_TYPE, PCK_CHAIN_CERTIFICATION, QE_REPORT_CERTIFICATION, TEE_TYPE},
};
use crate::ClaimValue::{self, Bytes, Integer};

/// The claims of a quote, by arc.
pub(super) fn collect(document: &Document) -> Vec<(u64, ClaimValue)> {
    let quote = &document.quote;
    let (header, body, qe) = (&quote.header, &quote.body, &quote.qe_report);
    let [rtmr0, rtmr1, rtmr2, rtmr3] = &body.rtmrs;
    let bytes = |value: &[u8]| Bytes(value.to_vec());
    // A quote that was read has lengths of 32 bits.
    let length = |length: usize| Integer(u64::try_from(length).unwrap_or(u64::MAX));
    vec![
        (1, Integer(header.version.into())),
        (2, Integer(ATTESTATION_KEY_TYPE.into())),
        (3, Integer(TEE_TYPE.into())),
        (4, bytes(&header.qe_svn)),
        (5, bytes(&header.pce_svn)),
        (6, bytes(&header.qe_vendor_id)),
        (7, bytes(&header.user_data)),
        (8, bytes(&body.tee_tcb_svn)),
        (9, bytes(&body.mr_seam)),
        (10, bytes(&body.mr_signer_seam)),
        (11, bytes(&body.seam_attributes)),
        (12, bytes(&body.td_attributes)),
        (13, bytes(&body.xfam)),
        (14, bytes(&body.mr_td)),
        (15, bytes(&body.mr_config_id)),
        (16, bytes(&body.mr_owner)),
        (17, bytes(&body.mr_owner_config)),
        (18, bytes(rtmr0)),
        (19, bytes(rtmr1)),
        (20, bytes(rtmr2)),
        (21, bytes(rtmr3)),
        (22, bytes(&body.report_data)),
        (23, length(quote.signed_data_size())),
        (24, bytes(&quote.signature)),
        (25, bytes(&quote.attestation_key)),
        (26, Integer(QE_REPORT_CERTIFICATION.into())),
        (27, length(quote.certification_size())),
        // There is no arc 28.
        (29, bytes(&qe.cpu_svn)),
        (30, Integer(qe.misc_select.into())),
        (31, bytes(&qe.reserved1)),
        (32, bytes(&qe.attributes)),
        (33, bytes(&qe.mr_enclave)),
        (34, bytes(&qe.reserved2)),
        (35, bytes(&qe.mr_signer)),
        (36, bytes(&qe.reserved3)),
        (37, Integer(qe.isv_prod_id.into())),
        (38, Integer(qe.isv_svn.into())),
        (39, bytes(&qe.reserved4)),
        (40, bytes(&qe.report_data)),
        (41, bytes(&quote.qe_report_signature)),
        (42, length(quote.qe_auth_data.len())),
        (43, bytes(&quote.qe_auth_data)),
        (44, Integer(PCK_CHAIN_CERTIFICATION.into())),
        (45, length(quote.pck_chain.len())),
        (46, bytes(&quote.pck_chain)),
        (47, bytes(&document.extra_bytes)),
    ]
}
