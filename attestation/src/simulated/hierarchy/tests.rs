//! Certificates and lists that are properly signed, and still not what AMD would issue.

use std::{sync::LazyLock, time::SystemTime};

use super::*;
use crate::{
    Finding, ReportData, Verifier as _,
    simulated::Processor,
    snp::{ReferenceValues, Revocation, SnpVerifier},
};

static HIERARCHY: LazyLock<Hierarchy> = LazyLock::new(|| Hierarchy::generate(Product::Milan).unwrap());
static PROCESSOR: LazyLock<Processor> = LazyLock::new(|| Processor::new(&HIERARCHY).unwrap());

const CONSTRAINTS_CA: &[u8] = &[0x30, 0x03, 0x01, 0x01, 0xFF];
const CONSTRAINTS_NO_CA: &[u8] = &[0x30, 0x00];
const USAGE_CERT_SIGN: &[u8] = &[0x03, 0x02, 0x02, 0x04];
const USAGE_CRL_SIGN: &[u8] = &[0x03, 0x02, 0x01, 0x02];

/// Why evidence with this signing key certificate, endorsement certificate and revocation list is refused.
fn findings(ask: Option<Vec<u8>>, vcek: Option<Vec<u8>>, list: Option<Vec<u8>>) -> Vec<Finding> {
    let (host_data, report_data) = ([7; 32], ReportData([8; 64]));
    let reference = ReferenceValues { allowed_host_data: [host_data].into(), ..PROCESSOR.reference_values() };
    let mut verifier = SnpVerifier::new("simulated-0", reference, PROCESSOR.trust_anchor());
    if list.is_some() {
        verifier = verifier.with_revocation(Revocation::Required);
    }
    let evidence = PROCESSOR.report_builder(host_data, report_data).endorse(|certificates| {
        certificates.ask = ask.unwrap_or(std::mem::take(&mut certificates.ask));
        certificates.vcek = vcek.unwrap_or(std::mem::take(&mut certificates.vcek));
        certificates.revocation_list = list.unwrap_or_default();
    });
    let rejection = verifier.appraise(&evidence.evidence().unwrap(), &report_data, SystemTime::now());
    rejection.err().map(|rejection| rejection.findings).unwrap_or_default()
}

fn ask(key: &RsaKeyPair, constraints: &[u8], usage: &[u8]) -> Vec<u8> {
    let algorithm = der::sequence(&[&der::object_identifier(RSA_ENCRYPTION), &[0x05, 0x00]]);
    let to_be_signed = ToBeSigned {
        serial: 1,
        subject: "SEV-Milan",
        public_key: &der::sequence(&[&algorithm, &der::bit_string(key.public_key().as_ref())]),
        issuer: "ARK-Milan",
        validity: (SystemTime::now() - DAY, SystemTime::now() + DAY),
        extensions: &[
            der::extension(BasicConstraints::OID, true, constraints),
            der::extension(KeyUsage::OID, true, usage),
        ],
    };
    to_be_signed.sign(&HIERARCHY.ark.key).unwrap()
}

/// The processor's certificate with more extensions than it should have.
fn vcek(spl_4: u8, more: &[Vec<u8>]) -> Vec<u8> {
    let tcb = PROCESSOR.tcb();
    let number = |id, value: u8| der::extension(id, false, &der::integer(value.into()));
    let extensions = [
        number(oid::STRUCT_VERSION, 1),
        der::extension(oid::PRODUCT_NAME, false, &der::ia5_string("Milan-B0")),
        number(oid::BOOT_LOADER, tcb.bootloader),
        number(oid::TEE, tcb.tee),
        number(oid::SNP, tcb.snp),
        number(oid::SPL_4, spl_4),
        number(oid::MICROCODE, tcb.microcode),
        der::extension(oid::HARDWARE_ID, false, &der::octet_string(&PROCESSOR.chip_id())),
    ];
    let to_be_signed = ToBeSigned {
        serial: 0,
        subject: "SEV-VCEK",
        public_key: &PROCESSOR.public_key().unwrap(),
        issuer: "SEV-Milan",
        validity: (SystemTime::now() - DAY, SystemTime::now() + DAY),
        extensions: &[&extensions[..], more].concat(),
    };
    to_be_signed.sign(&HIERARCHY.ask.key).unwrap()
}

#[test]
fn a_signing_key_that_may_not_sign_certificates_is_refused() {
    let key = &HIERARCHY.ask.key;
    assert_eq!(findings(Some(ask(key, CONSTRAINTS_CA, USAGE_CERT_SIGN)), None, None), []);
    for (constraints, usage) in [(CONSTRAINTS_NO_CA, USAGE_CERT_SIGN), (CONSTRAINTS_CA, USAGE_CRL_SIGN)] {
        let findings = findings(Some(ask(key, constraints, usage)), None, None);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].field, "ASK certificate");
        assert!(findings[0].found.contains("may not sign certificates"), "{findings:?}");
    }
}

#[test]
fn a_signing_key_of_another_size_is_refused() {
    let short = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let template = EndorsementTemplate::new(
        Product::Milan,
        PROCESSOR.tcb(),
        PROCESSOR.chip_id().to_vec(),
        PROCESSOR.public_key().unwrap(),
    );
    let ask = ask(&short, CONSTRAINTS_CA, USAGE_CERT_SIGN);
    let foreign = Hierarchy {
        product: Product::Milan,
        ark: Authority { key: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), certificate: Vec::new() },
        ask: Authority { key: short, certificate: ask.clone() },
    };
    let findings = findings(Some(ask), Some(foreign.issue(&template).unwrap()), None);
    assert_eq!(findings[0].field, "VCEK certificate signature", "{findings:?}");
}

#[test]
fn an_endorsement_certificate_with_a_surprising_extension_is_refused() {
    assert_eq!(findings(None, Some(vcek(0, &[])), None), []);
    let unknown =
        |critical| der::extension(ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.9"), critical, &[5, 0]);
    assert_eq!(findings(None, Some(vcek(0, &[unknown(false)])), None), []);
    for (certificate, field) in [
        (vcek(0, &[unknown(true)]), "VCEK certificate"),
        (vcek(0, &[der::extension(oid::SNP, false, &der::integer(255))]), "VCEK certificate"),
        (vcek(1, &[]), "VCEK certificate extension spl4"),
    ] {
        let findings = findings(None, Some(certificate), None);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].field, field);
    }
}

#[test]
fn a_revocation_list_in_another_name_is_refused_even_if_the_root_signed_it() {
    let list = |issuer: &str| {
        let time = |time| der::time(time).unwrap();
        let signed = der::sequence(&[
            &der::integer(1),
            &der::RSASSA_PSS_SHA384,
            &der::name(issuer),
            &time(SystemTime::now() - DAY),
            &time(SystemTime::now() + DAY),
        ]);
        HIERARCHY.sign_with_root(signed).unwrap()
    };
    assert_eq!(findings(None, None, Some(list("ARK-Milan"))), []);
    let findings = findings(None, None, Some(list("ARK-Genoa")));
    assert_eq!(findings[0].found, "a list of another issuer");
}
