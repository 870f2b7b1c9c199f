//! An SNP report and what endorses it.
//!
//! Names are those of the AMD SEV-SNP ABI specification (document 56860), table "ATTESTATION_REPORT structure".

use std::time::SystemTime;

use contrast_attestation::{
    Check,
    snp::{
        Document, EndorsementFacts, FirmwareVersion, GuestPolicy, Inspection, PlatformInfo, Product, Report,
        RevocationListFacts, TcbParts, signature,
    },
};

use super::{
    endorsements::{certificate, relation},
    fields::{Fields, Value, add_flags, hexadecimal},
};

/// Bits of the guest policy that are no flags: two bytes with the ABI version, and bit 17, which is always one.
const NO_FLAGS: u64 = 0xFFFF | 1 << 17;

/// What was checked.
pub(super) fn checks(inspection: &Inspection) -> Vec<(&'static str, Check)> {
    vec![
        ("certificate chain", inspection.chain.clone()),
        ("report signature", inspection.signature.clone()),
        ("endorsement key", inspection.belonging.clone()),
        ("certificate validity", inspection.certificate_validity.clone()),
        ("revocation", inspection.revocation.clone()),
    ]
}

/// Report, certificates and revocation lists.
pub(super) fn describe(document: &Document, inspection: &Inspection, now: SystemTime, fields: &mut Fields) {
    let products: Vec<_> = inspection.products.iter().map(|product| product.name().to_owned()).collect();
    fields.add("product lines", products);
    fields.add("report", report(&document.report, &inspection.products));
    let mut certificates = Fields::default();
    for (place, facts) in inspection.certificates.iter().enumerate() {
        let mut shown = certificate(facts, now);
        if let Some(endorsement) = inspection.endorsement.as_ref().filter(|_| place == 0) {
            extensions(endorsement, &mut shown);
        }
        certificates.add(facts.place.clone(), shown);
    }
    fields.add("certificates", certificates);
    let mut lists = Fields::default();
    for facts in &inspection.revocation_lists {
        lists.add(facts.origin.name(), revocation_list(facts, now));
    }
    fields.add("revocation lists", lists);
}

fn report(report: &Report, products: &[Product]) -> Fields {
    let mut fields = Fields::default();
    fields.add("VERSION", report.version);
    fields.add("GUEST_SVN", report.guest_svn);
    fields.add("POLICY", guest_policy(report.policy));
    fields.add("FAMILY_ID", &report.family_id);
    fields.add("IMAGE_ID", &report.image_id);
    fields.add("VMPL", report.vmpl);
    fields.add("SIGNATURE_ALGO", algorithm(report.signature_algo));
    fields.add("CURRENT_TCB", tcb(report.current_tcb, products));
    fields.add("PLATFORM_INFO", platform_info(report.platform_info));
    fields.add("KEY_INFO", key_info(report.signer_info));
    fields.add("REPORT_DATA", &report.report_data);
    fields.add("MEASUREMENT", &report.measurement);
    fields.add("HOST_DATA", &report.host_data);
    fields.add("ID_KEY_DIGEST", &report.id_key_digest);
    fields.add("AUTHOR_KEY_DIGEST", &report.author_key_digest);
    fields.add("REPORT_ID", &report.report_id);
    fields.add("REPORT_ID_MA", &report.report_id_ma);
    fields.add("REPORTED_TCB", tcb(report.reported_tcb, products));
    if let Some(cpuid) = report.cpuid {
        fields.add("CPUID_FAM_ID", cpuid.family);
        fields.add("CPUID_MOD_ID", cpuid.model);
        fields.add("CPUID_STEP", cpuid.stepping);
    }
    fields.add("CHIP_ID", &report.chip_id);
    fields.add("COMMITTED_TCB", tcb(report.committed_tcb, products));
    for (prefix, FirmwareVersion { build, minor, major }) in
        [("CURRENT", report.current), ("COMMITTED", report.committed)]
    {
        fields.add(format!("{prefix}_BUILD"), build);
        fields.add(format!("{prefix}_MINOR"), minor);
        fields.add(format!("{prefix}_MAJOR"), major);
    }
    fields.add("LAUNCH_TCB", tcb(report.launch_tcb, products));
    if let Some(vectors) = report.mitigations {
        fields.add("LAUNCH_MIT_VECTOR", hexadecimal(vectors.launch));
        fields.add("CURRENT_MIT_VECTOR", hexadecimal(vectors.current));
    }
    fields.add("SIGNATURE", signature_components(&report.signature));
    fields
}

fn guest_policy(bits: u64) -> Value {
    let [minor, major, ..] = bits.to_le_bytes();
    let mut parts = Fields::default();
    parts.add("ABI_MINOR", minor);
    parts.add("ABI_MAJOR", major);
    add_flags(&mut parts, bits, &GuestPolicy::FLAGS, NO_FLAGS);
    Value::Whole(hexadecimal(bits), parts)
}

fn platform_info(bits: u64) -> Value {
    let mut parts = Fields::default();
    add_flags(&mut parts, bits, &PlatformInfo::FLAGS, 0);
    Value::Whole(hexadecimal(bits), parts)
}

fn algorithm(number: u32) -> Value {
    match number {
        signature::ECDSA_P384_SHA384 => Value::Code(number.into(), "ECDSA P-384 with SHA-384"),
        _ => Value::Code(number.into(), "unknown"),
    }
}

/// `AUTHOR_KEY_EN`, `MASK_CHIP_KEY`, and three bits `SIGNING_KEY`.
fn key_info(bits: u32) -> Value {
    let bits = u64::from(bits);
    let mut parts = Fields::default();
    parts.add("AUTHOR_KEY_EN", bits & 1 != 0);
    parts.add("MASK_CHIP_KEY", bits & 0b10 != 0);
    let key = bits >> 2 & 0b111;
    let name = match key {
        0 => "VCEK",
        1 => "VLEK",
        7 => "none",
        _ => "unknown",
    };
    parts.add("SIGNING_KEY", Value::Code(key, name));
    add_flags(&mut parts, bits, &[], 0b1_1111);
    Value::Whole(hexadecimal(bits), parts)
}

/// The parts, if all product lines in question have them at the same places.
fn tcb(raw: u64, products: &[Product]) -> Value {
    let mut layouts = products.iter().map(|product| TcbParts::decode(*product, raw));
    let parts = match layouts.next() {
        Some(Ok(parts)) if layouts.all(|other| other == Ok(parts)) => named_parts(parts),
        _ => Fields::default(),
    };
    Value::Whole(hexadecimal(raw), parts)
}

fn named_parts(tcb: TcbParts) -> Fields {
    let mut parts = Fields::default();
    tcb.named_parts().for_each(|(name, version)| parts.add(name, version));
    parts
}

/// Its two numbers, big endian; as it is, if it has not that form.
fn signature_components(field: &[u8; 512]) -> Value {
    let Ok(components) = signature::parse(field) else { return field.into() };
    let (r, s) = components.split_at(48);
    let mut parts = Fields::default();
    parts.add("R_COMPONENT", r);
    parts.add("S_COMPONENT", s);
    parts.into()
}

/// AMD document 57230, section "Certificate extensions".
fn extensions(facts: &EndorsementFacts, fields: &mut Fields) {
    fields.add("productName", facts.product_name.clone());
    fields.add("hwID", facts.hardware_id.as_deref());
    fields.add("TCB", named_parts(facts.tcb));
}

fn revocation_list(facts: &RevocationListFacts, now: SystemTime) -> Fields {
    let mut fields = Fields::default();
    fields.add("this update", facts.this_update);
    fields.add("next update", facts.next_update);
    fields.add("dates", relation(facts.this_update, facts.next_update, now));
    fields.add("revoked certificates", Value::Number(u64::try_from(facts.revoked).unwrap_or(u64::MAX)));
    fields
}
