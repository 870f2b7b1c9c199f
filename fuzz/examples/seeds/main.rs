//! Makes the inputs in `seeds` anew: `cargo run --package contrast-fuzz --example seeds`.
//!
//! Everything in them is simulated. Keys are drawn at random, so every run gives other bytes, except for firmware and
//! kernel.

#[path = "../../../attestation/tests/support/boot_files.rs"]
mod boot_files;
mod image;
mod node_installer;
mod policy;
mod resources;
mod runtime;
mod tdx;

use std::{
    error::Error,
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use boot_files::Firmware;
use contrast_attestation::{
    Evidence, EvidenceType, ReportData,
    simulated::{Hierarchy, Processor},
    snp::{Endorsements, Product},
};
use contrast_fuzz::write_certificate_table;
use rcgen::{CertificateParams, CustomExtension, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    tdx::write_seeds()?;
    image::write_seeds()?;
    policy::write_seeds()?;
    resources::write_seeds()?;
    node_installer::write_seeds()?;
    runtime::write_seeds()?;
    write("firmware", "both", &Firmware::example().build())?;
    write("firmware", "snp", &Firmware { tdvf: None, ..Firmware::example() }.build())?;
    write("firmware", "tdx", &Firmware { sev: None, hash_table: None, ..Firmware::example() }.build())?;
    write("kernel", "bzimage", &boot_files::kernel())?;
    // Not simulated: of a volume that never held anything.
    let header = include_bytes!("../../../initializer/tests/headers/cryptsetup-2.6.1");
    let text = header.iter().skip(4096).take_while(|byte| **byte != 0).copied().collect::<Vec<_>>();
    write("volume_header", "header", header)?;
    write("volume_header", "metadata", &text)?;
    let hierarchy = Hierarchy::generate(Product::Genoa)?;
    for (name, serials) in [("empty", &[][..]), ("two", &[1, 0x80])] {
        let day = |days: u64| UNIX_EPOCH + Duration::from_secs(days * 24 * 60 * 60);
        let list = hierarchy.revocation_list(serials, day(20_000), day(20_365))?;
        write("revocation_list", name, &list)?;
    }
    let processor = Processor::new(&hierarchy)?;
    write("certificate_table", "vcek", &write_certificate_table(processor.endorsements()))?;
    let vlek = Endorsements { vlek: b"vlek".to_vec(), ask: b"asvk".to_vec(), ..Endorsements::default() };
    write("certificate_table", "vlek", &write_certificate_table(&vlek))?;
    let [vcek, vlek, ask, ark, revocation_list] = [1, 2, 3, 4, 5].map(|byte: u8| vec![byte; byte.into()]);
    let all = Endorsements { vcek, vlek, ask, ark, revocation_list };
    write("certificate_table", "all", &write_certificate_table(&all))?;
    for version in 2..=5 {
        let report = || processor.report_builder([1; 32], ReportData([2; 64])).version(version);
        write("snp_report", &format!("version-{version}"), &report().sign()?.report.to_bytes())?;
        write("snp_document", &format!("version-{version}"), &report().evidence()?.document)?;
    }
    let key = KeyPair::generate()?;
    let bound = ReportData::for_tls_key(&key.subject_public_key_info(), b"nonce");
    let evidence = processor.report_builder([1; 32], bound).evidence()?;
    write("peer_certificate", "attested", &certificate(&key, &[&evidence])?)?;
    write("peer_certificate", "attested-twice", &certificate(&key, &[&evidence, &evidence])?)?;
    let garbage = Evidence { evidence_type: EvidenceType::Tdx, document: b"garbage".to_vec() };
    write("peer_certificate", "garbage", &certificate(&key, &[&garbage])?)?;
    write("peer_certificate", "plain", &certificate(&key, &[])?)?;

    let reference_values = processor.reference_values_json();
    write("manifest", "simulated", &manifest(&json!({ "simulated": [reference_values] }))?)?;
    write(
        "manifest",
        "hardware",
        &manifest(&json!({ "snp": [hardware(&reference_values)], "tdx": [tdx_entry()] }))?,
    )?;
    write("manifest", "empty", b"{}")?;

    for (name, edits) in [
        ("replace", &[0, 1, 0, 3, 9, 9, 9][..]),
        ("flip", &[1, 2, 0, 5, 1]),
        ("remove", &[2, 1, 0]),
        ("swap", &[3, 0, 1]),
        ("cut", &[4, 2, 0]),
        ("header", &[5, 0, 0, 30, 1]),
        ("blob", &[6, 0, 0, 30, 1]),
        ("truncate", &[7, 3, 0, 20]),
    ] {
        write("sealed_record", name, edits)?;
    }
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)?;
    Ok(())
}

/// A self-signed certificate with one attestation extension for each piece of evidence.
fn certificate(key: &KeyPair, evidence: &[&Evidence]) -> Result<Vec<u8>, rcgen::Error> {
    let mut params = CertificateParams::default();
    for Evidence { evidence_type, document } in evidence {
        params
            .custom_extensions
            .push(CustomExtension::from_oid_content(evidence_type.oid(), document.clone()));
    }
    Ok(params.self_signed(key)?.der().to_vec())
}

fn manifest(reference_values: &Value) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec_pretty(&json!({
        "Policies": {
            "11".repeat(32): { "SANs": ["coordinator", "10.0.0.1"], "Role": "coordinator" },
            "22".repeat(32): { "SANs": ["db", "*"], "WorkloadSecretID": "apps/v1/StatefulSet/default/db" },
        },
        "ReferenceValues": reference_values,
        "WorkloadOwnerKeyDigests": ["33".repeat(32)],
        "SeedshareOwnerPubKeys": [],
    }))
}

/// The same values as an entry for hardware.
fn hardware(simulated: &Value) -> Value {
    let mut entry = simulated.clone();
    if let Some(fields) = entry.as_object_mut() {
        fields.remove("Root");
        fields.insert("Platform".into(), "Metal-QEMU-SNP".into());
    }
    entry
}

fn tdx_entry() -> Value {
    json!({
        "Platform": "Metal-QEMU-TDX",
        "MrTd": "44".repeat(48),
        "MrSeam": "55".repeat(48),
        "Rtmrs": ["66".repeat(48), "77".repeat(48), "88".repeat(48), "99".repeat(48)],
        "Xfam": "e700060000000000",
    })
}
