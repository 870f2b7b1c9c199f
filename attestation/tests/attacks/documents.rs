//! Bytes that are no report or no document, or could be read in two ways.

use contrast_attestation::snp::{Report, ReportError};

use crate::support::*;

#[test]
fn unknown_report_versions_are_refused() {
    for version in [0, 1, 6, u32::MAX] {
        let document = honest().edit(|report| report.version = version).sign().unwrap();
        let reason = format!("report has version {version}, but only versions 2 to 5 are known");
        unreadable(document.encode(), &reason);
        assert_eq!(Report::parse(&document.report.to_bytes()), Err(ReportError::Version(version)));
    }
}

#[test]
fn an_all_zero_report_is_refused() {
    let zero = [0; Report::LENGTH];
    assert_eq!(Report::parse(&zero), Err(ReportError::Version(0)));
    // In place of a document: no protobuf field has number 0.
    unreadable(zero.to_vec(), &encoding("invalid tag value: 0"));
}

#[test]
fn a_document_whose_report_is_all_zero_is_refused() {
    let reason = "report has version 0, but only versions 2 to 5 are known";
    // A message leaves numbers out that are zero; other fields are as long as always.
    unreadable(zero_of_version(0).encode(), reason);
    // All fields left out.
    unreadable(message_field(1, &[]), reason);
    unreadable(message_field(1, &[0; 20]), &encoding("AttestationMessage.report: invalid tag value: 0"));
}

#[test]
fn a_report_that_is_all_zero_but_for_its_version_is_refused_for_every_field() {
    for version in 3..=5 {
        let reason = format!(
            "document field cpuid1eax_fms has value 0x0, which a report of version {version} cannot hold"
        );
        unreadable(zero_of_version(version).encode(), &reason);
    }
    let findings = appraise(&verifier(reference()), &evidence(&zero_of_version(2))).unwrap_err();
    let found: Vec<_> = findings.iter().map(|finding| (&*finding.field, &*finding.found)).collect();
    let zeros = |length| "00".repeat(length);
    let expected = [
        (
            "report field SIGNATURE",
            "signature algorithm is 0, but only 1 (ECDSA P-384 with SHA-384) is defined",
        ),
        ("report field REPORT_DATA", &*zeros(64)),
        ("report field HOST_DATA", &*zeros(32)),
        ("report field MEASUREMENT", &*zeros(48)),
        ("report field POLICY", "guest policy does not set bit 17, which must be one"),
        ("launch TCB part BOOT_LOADER", "0"),
        ("launch TCB part SNP", "0"),
        ("launch TCB part MICROCODE", "0"),
        ("committed TCB part BOOT_LOADER", "0"),
        ("committed TCB part SNP", "0"),
        ("committed TCB part MICROCODE", "0"),
        ("reported TCB part BOOT_LOADER", "0"),
        ("reported TCB part SNP", "0"),
        ("reported TCB part MICROCODE", "0"),
        ("report field REPORTED_TCB", "BOOT_LOADER 0, TEE 0, SNP 0, MICROCODE 0"),
        ("report field CHIP_ID", "zero (MASK_CHIP_ID), so that nothing tells the processor"),
    ];
    assert_eq!(found, expected);
}

/// Endorsed, and all of the report zero.
fn zero_of_version(version: u32) -> contrast_attestation::snp::Document {
    let mut document = honest().sign().unwrap();
    let mut bytes = [0; Report::LENGTH];
    bytes[0] = 2;
    let zero = Report::parse(&bytes).unwrap();
    document.report = Report { version, ..zero };
    document
}

#[test]
fn fields_that_a_version_does_not_have_are_refused() {
    // Fields 29 to 31 of the report: cpuid1eax_fms, launch_mit_vector and current_mit_vector, each with value 1.
    for (version, tag, field) in [
        (2, [0xE8, 0x01], "cpuid1eax_fms"),
        (2, [0xF0, 0x01], "launch_mit_vector"),
        (3, [0xF0, 0x01], "launch_mit_vector"),
        (4, [0xF8, 0x01], "current_mit_vector"),
    ] {
        let document = honest().version(version).sign().unwrap().encode();
        let more = message_field(1, &[&tag[..], &[1]].concat());
        let reason =
            format!("document field {field} has value 0x1, which a report of version {version} cannot hold");
        unreadable([document, more].concat(), &reason);
    }
}

#[test]
fn documents_that_are_no_documents_are_refused() {
    unreadable(Vec::new(), "document has no report");
    unreadable(b"garbage".to_vec(), &encoding("invalid wire type value: 7"));
    unreadable(vec![0xFF; 64], &encoding("invalid varint"));
    let honest = honest().sign().unwrap();
    let half = honest.encode().len() / 2;
    unreadable(
        honest.encode()[..half].to_vec(),
        &encoding("AttestationMessage.certificate_chain: buffer underflow"),
    );
    // The report as hardware makes it, without a document around it.
    unreadable(honest.report.to_bytes().to_vec(), &encoding("invalid tag value: 0"));
}

#[test]
fn a_document_that_names_an_unknown_product_is_refused() {
    for number in [4, 0x7F] {
        let document = honest().version(2).sign().unwrap().encode();
        let reason =
            format!("document names product {number}, but only 1 (Milan), 2 (Genoa) and 3 (Turin) are known");
        unreadable([document, message_field(3, &[8, number])].concat(), &reason);
    }
}

#[test]
fn a_raw_report_with_a_byte_too_many_or_too_few_is_refused() {
    let bytes = honest().sign().unwrap().report.to_bytes();
    assert!(Report::parse(&bytes).is_ok());
    let long = [&bytes[..], &[0]].concat();
    assert_eq!(Report::parse(&long), Err(ReportError::Length(1185)));
    assert_eq!(Report::parse(&bytes[..1183]), Err(ReportError::Length(1183)));
    assert_eq!(Report::parse(&[]), Err(ReportError::Length(0)));
    assert_eq!(ReportError::Length(1185).to_string(), "report is 1185 bytes long, but must be 1184");
}

#[test]
fn a_document_with_trailing_bytes_is_refused() {
    let honest = honest().sign().unwrap().encode();
    for (trailing, reason) in [
        (&[0][..], "invalid tag value: 0"),
        (&[0; 64], "invalid tag value: 0"),
        (&[0xFF], "invalid varint"),
        (b"\x0A", "AttestationMessage.report: invalid varint"),
        // A length of 4 GiB, and one of 2 to the power of 63.
        (b"\x0A\xFF\xFF\xFF\xFF\x0F", "AttestationMessage.report: buffer underflow"),
        (b"\x0A\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "AttestationMessage.report: buffer underflow"),
    ] {
        unreadable([&honest[..], trailing].concat(), &encoding(reason));
    }
}

fn encoding(reason: &str) -> String {
    format!(
        "document is not a protobuf message of type sevsnp.Attestation: failed to decode Protobuf message: {reason}"
    )
}
