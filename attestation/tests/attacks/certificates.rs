//! Endorsements that belong to another key, chip, firmware, authority or time.

use contrast_attestation::{
    simulated::{EndorsementTemplate, Processor, ReportBuilder},
    snp::{Endorsements, Product, SigningKey, TcbParts},
};

use crate::support::*;

/// A certificate for the processor's own key, as it was issued but for one change.
pub(crate) fn reissued(change: impl FnOnce(&mut EndorsementTemplate)) -> Vec<u8> {
    let mut template = EndorsementTemplate::new(
        Product::Genoa,
        PROCESSOR.tcb(),
        PROCESSOR.chip_id().to_vec(),
        PROCESSOR.public_key().unwrap(),
    );
    change(&mut template);
    GENOA.issue(&template).unwrap()
}

pub(crate) fn with_vcek(certificate: Vec<u8>) -> ReportBuilder<'static> {
    honest().endorse(|certificates| certificates.vcek = certificate)
}

#[test]
fn a_reissued_certificate_is_accepted() {
    accepted(with_vcek(reissued(|_| {})));
}

#[test]
fn a_certificate_of_another_chip_is_refused() {
    let findings =
        refused(with_vcek(reissued(|template| template.hardware_id[0] ^= 1)), &["report field CHIP_ID"]);
    assert!(findings[0].expected.starts_with("hwID of the VCEK: "), "{findings:?}");
    assert_eq!(findings[0].found, hex::encode(PROCESSOR.chip_id()));
    // Another processor's certificate has another key, too.
    let other = Processor::new(&GENOA).unwrap();
    let fields = ["report field SIGNATURE", "report field CHIP_ID"];
    refused(with_vcek(other.endorsements().vcek.clone()), &fields);
}

#[test]
fn a_certificate_of_another_tcb_version_is_refused() {
    let refused_with = |change: fn(&mut TcbParts)| {
        let mut tcb = PROCESSOR.tcb();
        change(&mut tcb);
        let findings =
            refused(with_vcek(reissued(|template| template.tcb = tcb)), &["report field REPORTED_TCB"]);
        assert_eq!(findings[0].expected, format!("that of the VCEK: {tcb}"));
        assert_eq!(findings[0].found, PROCESSOR.tcb().to_string());
    };
    refused_with(|tcb| tcb.bootloader -= 1);
    refused_with(|tcb| tcb.tee += 1);
    refused_with(|tcb| tcb.snp += 1);
    refused_with(|tcb| tcb.microcode -= 1);
}

#[test]
fn a_certificate_of_another_key_is_refused() {
    let certificate = reissued(|template| template.public_key = other_public_key());
    refused_saying(with_vcek(certificate), "report field SIGNATURE", "does not verify with the key");
}

#[test]
fn a_certificate_of_another_product_line_is_refused() {
    let certificate = reissued(|template| "Milan-B0".clone_into(&mut template.product_name));
    refused_saying(with_vcek(certificate), "VCEK extension productName", "Milan-B0");
}

#[test]
fn a_certificate_without_an_extension_of_its_kind_is_refused() {
    let certificate = reissued(|template| template.hardware_id.clear());
    refused(with_vcek(certificate), &["VCEK certificate extension hwID"]);
    let certificate = reissued(|template| template.hardware_id.truncate(8));
    refused(with_vcek(certificate), &["VCEK certificate extension hwID"]);
}

/// A report signed with a VLEK: the processor's own key under a VLEK certificate.
pub(crate) fn with_vlek() -> ReportBuilder<'static> {
    let vlek = reissued(|template| {
        template.kind = SigningKey::Vlek;
        template.hardware_id.clear();
        "Genoa".clone_into(&mut template.product_name);
    });
    honest().edit(|report| report.signer_info = 1 << 2).endorse(|certificates| {
        certificates.vcek.clear();
        certificates.vlek = vlek;
        certificates.ask = GENOA.asvk().unwrap();
    })
}

#[test]
fn a_report_signed_by_a_vlek_is_accepted_on_any_chip() {
    accepted(with_vlek());
    accepted(with_vlek().edit(|report| report.chip_id = [9; 64]));
    accepted(with_vlek().edit(|report| report.chip_id = [0; 64]));
}

#[test]
fn vlek_and_vcek_do_not_stand_in_for_each_other() {
    // The report says VCEK, the certificate is a VLEK's.
    let swapped = with_vlek().edit(|report| report.signer_info = 0);
    refused(
        swapped.endorse(|certs| certs.vcek = std::mem::take(&mut certs.vlek)),
        &["ASK certificate common name"],
    );
    let swapped = with_vlek().edit(|report| report.signer_info = 0).endorse(|certificates| {
        certificates.vcek = std::mem::take(&mut certificates.vlek);
        certificates.ask = GENOA.ask().to_vec();
    });
    refused_saying(swapped, "VCEK certificate common name", "\"SEV-VLEK\"");
    // The report says VLEK, the certificate is a VCEK's, or there is none.
    let vcek = || honest().edit(|report| report.signer_info = 1 << 2);
    refused_saying(vcek(), "VLEK certificate", "none in the evidence");
    let swapped = vcek().endorse(|certificates| {
        certificates.vlek = std::mem::take(&mut certificates.vcek);
        certificates.ask = GENOA.asvk().unwrap();
    });
    refused_saying(swapped, "VLEK certificate common name", "\"SEV-VCEK\"");
}

/// A remembered chain must not answer for another question about the same bytes.
#[test]
fn a_verified_vcek_chain_is_not_remembered_as_one_of_a_vlek() {
    accepted(honest());
    let same_chain = honest().edit(|report| report.signer_info = 1 << 2).endorse(|certificates| {
        certificates.vlek = std::mem::take(&mut certificates.vcek);
    });
    refused_saying(same_chain, "ASVK certificate common name", "\"SEV-Genoa\"");
}

#[test]
fn ask_and_asvk_do_not_stand_in_for_each_other() {
    let ask = GENOA.ask().to_vec();
    let swapped = with_vlek().endorse(|certificates| certificates.ask = ask);
    refused_saying(swapped, "ASVK certificate common name", "\"SEV-Genoa\"");
    let asvk = GENOA.asvk().unwrap();
    let swapped = honest().endorse(|certificates| certificates.ask = asvk);
    refused_saying(swapped, "ASK certificate common name", "\"SEV-VLEK-Genoa\"");
}

#[test]
fn an_endorsement_key_is_no_authority() {
    let vcek = PROCESSOR.endorsements().vcek.clone();
    let promoted = honest().endorse(|certificates| certificates.ask = vcek);
    refused_saying(promoted, "ASK certificate common name", "\"SEV-VCEK\"");
}

#[test]
fn a_chain_under_a_root_of_the_same_name_is_refused() {
    let processor = Processor::new(&FOREIGN).unwrap();
    let findings = refused_by(
        &verifier(reference()),
        &processor.report_builder(HOST_DATA, REPORT_DATA).evidence().unwrap(),
        &["ARK certificate", "report field MEASUREMENT"],
    );
    assert!(findings[0].expected.contains(&hex::encode(PROCESSOR.root_digest())), "{findings:?}");
    // With the right root on top, the signature of the foreign ASK does not fit.
    let ask = FOREIGN.ask().to_vec();
    refused(honest().endorse(|certificates| certificates.ask = ask), &["ASK certificate signature"]);
    let vcek = processor.endorsements().vcek.clone();
    refused(with_vcek(vcek), &["VCEK certificate signature"]);
}

#[test]
fn missing_and_malformed_certificates_are_refused() {
    const MISSING: &str = "none in the evidence";
    const MALFORMED: &str = "bytes that are not a DER X.509 certificate";
    type Change = fn(&mut Endorsements);
    let cases: [(Change, &str, &str); 6] = [
        (|certificates| certificates.ark.clear(), "ARK certificate", MISSING),
        (|certificates| certificates.ask.clear(), "ASK certificate", MISSING),
        (|certificates| certificates.vcek.clear(), "VCEK certificate", MISSING),
        (|certificates| certificates.vcek = b"garbage".to_vec(), "VCEK certificate", MALFORMED),
        (|certificates| certificates.vcek.push(0), "VCEK certificate", MALFORMED),
        (|certificates| certificates.ask.push(0), "ASK certificate", MALFORMED),
    ];
    for (change, field, words) in cases {
        refused_saying(honest().endorse(change), field, words);
    }
}
