//! A TDX quote and what endorses it.
//!
//! Names are those of Intel's "TDX DCAP Quoting Library API", appendix "Quote format", and of the "SGX PCK
//! Certificate and Certificate Revocation List Profile Specification".

use std::time::SystemTime;

use contrast_attestation::{
    Check,
    tdx::{
        CollateralFacts, Document, EnclaveReport, Header, Inspection, PckFacts, Quote, TD_ATTRIBUTES,
        TcbFacts, TdReport, XFAM,
    },
};

use super::{
    endorsements::{certificate, relation},
    fields::{Fields, Value, add_flags},
};

/// What was checked.
pub(super) fn checks(inspection: &Inspection) -> Vec<(&'static str, Check)> {
    vec![
        ("certificate chain", inspection.chain.clone()),
        ("quote signature", inspection.signature.clone()),
        ("quoting enclave", inspection.quoting_enclave.clone()),
        ("collateral", inspection.collateral_signatures.clone()),
        ("revocation", inspection.revocation.clone()),
        ("platform", inspection.platform.clone()),
        ("certificate validity", inspection.certificate_validity.clone()),
        ("collateral validity", inspection.collateral_validity.clone()),
    ]
}

/// Quote, certificates, collateral and TCB status.
pub(super) fn describe(document: &Document, inspection: &Inspection, now: SystemTime, fields: &mut Fields) {
    fields.add("TCB status", tcb_status(&inspection.tcb));
    let quote = &document.quote;
    fields.add("header", header(&quote.header));
    fields.add("TD report", td_report(&quote.body));
    fields.add("signature data", signature_data(quote));
    fields.add("QE report", enclave_report(&quote.qe_report));
    fields.add("extra bytes", document.extra_bytes.as_slice());
    let mut certificates = Fields::default();
    for (place, facts) in inspection.certificates.iter().enumerate() {
        let mut shown = certificate(facts, now);
        if let Some(pck) = inspection.pck.as_ref().filter(|_| place == 0) {
            extension(pck, &mut shown);
        }
        certificates.add(facts.place.clone(), shown);
    }
    fields.add("certificates", certificates);
    fields.add("collateral", inspection.collateral.as_ref().map(|facts| collateral(facts, now)));
}

fn tcb_status(parts: &[TcbFacts]) -> Value {
    if parts.is_empty() {
        return Value::Unknown;
    }
    let mut fields = Fields::default();
    for TcbFacts { of, status, advisory_ids, shortfalls } in parts {
        let mut part = Fields::default();
        part.add("status", status.clone());
        part.add("advisories", advisory_ids.clone());
        part.add("needs", shortfalls.clone());
        fields.add(*of, part);
    }
    fields.into()
}

fn header(header: &Header) -> Fields {
    let mut fields = Fields::default();
    fields.add("Version", header.version);
    fields.add("Attestation Key Type", Value::Code(Header::ATTESTATION_KEY_TYPE.into(), "ECDSA P-256"));
    fields.add("TEE Type", Value::Code(Header::TEE_TYPE.into(), "TDX"));
    fields.add("QE SVN", &header.qe_svn);
    fields.add("PCE SVN", &header.pce_svn);
    fields.add("QE Vendor ID", &header.qe_vendor_id);
    fields.add("User Data", &header.user_data);
    fields
}

fn td_report(body: &TdReport) -> Fields {
    let mut fields = Fields::default();
    let version = if body.tdx_1_5.is_some() { "TDX 1.5" } else { "TDX 1.0" };
    fields.add("body", version);
    fields.add("TEE_TCB_SVN", &body.tee_tcb_svn);
    fields.add("MRSEAM", &body.mr_seam);
    fields.add("MRSIGNERSEAM", &body.mr_signer_seam);
    fields.add("SEAMATTRIBUTES", &body.seam_attributes);
    fields.add("TDATTRIBUTES", bits(body.td_attributes, &TD_ATTRIBUTES));
    fields.add("XFAM", bits(body.xfam, &XFAM));
    fields.add("MRTD", &body.mr_td);
    fields.add("MRCONFIGID", &body.mr_config_id);
    fields.add("MROWNER", &body.mr_owner);
    fields.add("MROWNERCONFIG", &body.mr_owner_config);
    for (number, rtmr) in body.rtmrs.iter().enumerate() {
        fields.add(format!("RTMR{number}"), rtmr);
    }
    fields.add("REPORTDATA", &body.report_data);
    if let Some(added) = &body.tdx_1_5 {
        fields.add("TEE_TCB_SVN_2", &added.tee_tcb_svn_2);
        fields.add("MRSERVICETD", &added.mr_service_td);
    }
    fields
}

/// As a whole it is written as in a manifest: byte by byte.
fn bits(little_endian: [u8; 8], names: &[(&str, u64)]) -> Value {
    let mut parts = Fields::default();
    add_flags(&mut parts, u64::from_le_bytes(little_endian), names, 0);
    Value::Whole(hex::encode(little_endian), parts)
}

fn signature_data(quote: &Quote) -> Fields {
    let mut fields = Fields::default();
    fields.add("Quote Signature", &quote.signature);
    fields.add("ECDSA Attestation Key", &quote.attestation_key);
    fields.add("QE Report Signature", &quote.qe_report_signature);
    fields.add("QE Authentication Data", quote.qe_auth_data.as_slice());
    fields
}

fn enclave_report(report: &EnclaveReport) -> Fields {
    let mut fields = Fields::default();
    fields.add("CPUSVN", &report.cpu_svn);
    fields.add("MISCSELECT", report.misc_select);
    fields.add("ATTRIBUTES", &report.attributes);
    fields.add("MRENCLAVE", &report.mr_enclave);
    fields.add("MRSIGNER", &report.mr_signer);
    fields.add("ISVPRODID", report.isv_prod_id);
    fields.add("ISVSVN", report.isv_svn);
    fields.add("REPORTDATA", &report.report_data);
    // Zero in every report of today.
    let reserved = [&report.reserved1[..], &report.reserved2, &report.reserved3, &report.reserved4].concat();
    if reserved.iter().any(|byte| *byte != 0) {
        fields.add("reserved", reserved.as_slice());
    }
    fields
}

fn extension(facts: &PckFacts, fields: &mut Fields) {
    fields.add("PPID", facts.ppid.as_slice());
    fields.add("CPUSVN", &facts.cpu_svn);
    fields.add("PCESVN", facts.pce_svn);
    fields.add("PCE-ID", facts.pce_id.as_slice());
    fields.add("FMSPC", &facts.fmspc);
    let sgx_type = match facts.sgx_type {
        0 => "standard",
        1 => "scalable",
        2 => "scalable with integrity",
        _ => "unknown",
    };
    fields.add("SGX Type", Value::Code(facts.sgx_type, sgx_type));
    fields.add("Platform Instance ID", facts.platform_instance_id.as_deref());
    fields.add("Dynamic Platform", facts.dynamic_platform);
    fields.add("Cached Keys", facts.cached_keys);
    fields.add("SMT Enabled", facts.smt_enabled);
}

fn collateral(facts: &CollateralFacts, now: SystemTime) -> Fields {
    let mut fields = Fields::default();
    fields.add("TCB evaluation data number", facts.tcb_evaluation_data_number);
    for span in &facts.validity {
        let mut dates = Fields::default();
        dates.add("not before", span.not_before);
        dates.add("not after", span.not_after);
        dates.add("dates", relation(span.not_before, Some(span.not_after), now));
        fields.add(span.of.to_string(), dates);
    }
    fields
}
