//! Product lines, and the layouts of TCB versions that differ between them.

use std::sync::LazyLock;

use contrast_attestation::{
    Cause, Finding,
    simulated::{Hierarchy, Processor, ReportBuilder},
    snp::{CpuId, Product, ReferenceValues, Report, SnpVerifier, TcbParts},
};

use crate::support::*;

static MILAN: LazyLock<Processor> = LazyLock::new(|| of_line(Product::Milan));
static TURIN: LazyLock<Processor> = LazyLock::new(|| of_line(Product::Turin));

fn of_line(product: Product) -> Processor {
    Processor::new(&Hierarchy::generate(product).unwrap()).unwrap()
}

fn reference_of(processor: &Processor) -> ReferenceValues {
    ReferenceValues { allowed_host_data: [HOST_DATA].into(), ..processor.reference_values() }
}

fn verifier_of(processor: &Processor) -> SnpVerifier {
    SnpVerifier::new("simulated-0", reference_of(processor), processor.trust_anchor())
}

fn honest_of(processor: &Processor) -> ReportBuilder<'_> {
    processor.report_builder(HOST_DATA, REPORT_DATA)
}

#[test]
fn an_unknown_processor_finds_no_root() {
    // Of the generation before SNP, of the lowest family that the document can express, between lines, of the future.
    for (family, model) in [(0x17, 0x31), (0x0F, 0), (0x19, 0x20), (0x19, 0xB0), (0x1A, 0x20), (0x1B, 0)] {
        let cpuid = Some(CpuId { family, model, stepping: 0 });
        let findings = refused(honest().edit(|report| report.cpuid = cpuid), &["report field CPUID_FAM_ID"]);
        assert_eq!(findings[0].expected, "Genoa");
        assert_eq!(findings[0].found, format!("family {family:#04x} model {model:#04x}, unknown"));
    }
}

#[test]
fn a_report_of_another_product_line_is_refused() {
    for product in [Product::Milan, Product::Turin] {
        let cpuid = Some(product.typical_cpuid());
        let findings = refused(honest().edit(|report| report.cpuid = cpuid), &["report field CPUID_FAM_ID"]);
        assert_eq!((&*findings[0].expected, &*findings[0].found), ("Genoa", product.name()));
    }
}

#[test]
fn a_document_that_names_another_product_line_is_refused() {
    for product in [Product::Milan, Product::Turin] {
        let mut document = honest().version(2).sign().unwrap();
        document.product = Some(product);
        let findings = refused_by(&verifier(reference()), &evidence(&document), &["document field product"]);
        assert_eq!((&*findings[0].expected, &*findings[0].found), ("Genoa", product.name()));
    }
}

#[test]
fn reference_values_for_another_line_accept_nothing_of_this_one() {
    let verifier = verifier(ReferenceValues { product: Product::Milan, ..reference() });
    let fields = ["ARK certificate common name", "report field CPUID_FAM_ID"];
    let findings = refused_by(&verifier, &honest().evidence().unwrap(), &fields);
    assert_eq!((&*findings[0].expected, &*findings[0].found), ("ARK-Milan", "\"ARK-Genoa\""));
    assert_eq!((&*findings[1].expected, &*findings[1].found), ("Milan", "Genoa"));
}

#[test]
fn milan_and_turin_are_accepted_with_their_own_layouts() {
    for processor in [&*MILAN, &*TURIN] {
        appraise(&verifier_of(processor), &honest_of(processor).evidence().unwrap()).unwrap();
    }
}

type TcbField = (&'static str, fn(&mut Report) -> &mut u64);

const TCB_FIELDS: [TcbField; 4] = [
    ("report field CURRENT_TCB", |report| &mut report.current_tcb),
    ("report field COMMITTED_TCB", |report| &mut report.committed_tcb),
    ("report field LAUNCH_TCB", |report| &mut report.launch_tcb),
    ("report field REPORTED_TCB", |report| &mut report.reported_tcb),
];

/// Each TCB version of a report of `processor` in the layout of `other`, alone and with all others.
#[track_caller]
fn refused_in_the_layout_of(other: Product, parts: TcbParts, processor: &Processor) {
    let raw = parts.encode(other);
    let finding = |field: &str| Finding {
        cause: Cause::TcbLayout,
        field: field.to_owned(),
        expected: "reserved bits zero".to_owned(),
        found: format!("TCB version {raw:#018x} sets bits that are reserved on {}", processor.product()),
    };
    let verifier = verifier_of(processor);
    for (name, field) in TCB_FIELDS {
        let evidence = honest_of(processor).edit(|report| *field(report) = raw).evidence().unwrap();
        assert_eq!(appraise(&verifier, &evidence).unwrap_err(), [finding(name)]);
    }
    let all =
        honest_of(processor).edit(|report| TCB_FIELDS.iter().for_each(|(_, field)| *field(report) = raw));
    let findings = appraise(&verifier, &all.evidence().unwrap()).unwrap_err();
    assert_eq!(findings, TCB_FIELDS.map(|(name, _)| finding(name)));
}

#[test]
fn a_milan_report_with_tcb_versions_in_turins_layout_is_refused() {
    // What Milan has, and more than any minimum asks for.
    refused_in_the_layout_of(Product::Turin, MILAN.tcb(), &MILAN);
    let high = TcbParts { bootloader: 20, tee: 9, snp: 99, microcode: 255, fmc: Some(9) };
    refused_in_the_layout_of(Product::Turin, high, &MILAN);
}

#[test]
fn a_turin_report_with_tcb_versions_in_milans_layout_is_refused() {
    refused_in_the_layout_of(Product::Milan, TURIN.tcb(), &TURIN);
    let high = TcbParts { bootloader: 20, tee: 9, snp: 99, microcode: 255, fmc: None };
    refused_in_the_layout_of(Product::Milan, high, &TURIN);
}

#[test]
fn a_tcb_version_that_both_layouts_allow_is_read_in_the_layout_of_its_line() {
    // Without TEE and SNP parts, Turin's layout sets no bit that Milan's reserves: its FMC is a boot loader there.
    let turin = TcbParts { bootloader: 3, tee: 0, snp: 0, microcode: 255, fmc: Some(9) };
    let raw = turin.encode(Product::Turin);
    let builder = honest_of(&MILAN).edit(|report| report.launch_tcb = raw);
    let fields = ["launch TCB part SNP"];
    let findings = refused_by(&verifier_of(&MILAN), &builder.evidence().unwrap(), &fields);
    assert_eq!((&*findings[0].expected, &*findings[0].found), ("at least 24 (the minimum)", "0"));
}

#[test]
fn turins_first_boot_stage_is_a_part_of_the_tcb_like_the_others() {
    let mut minimum = reference_of(&TURIN);
    minimum.minimum_tcb.fmc = Some(2);
    let verifier = SnpVerifier::new("simulated-0", minimum, TURIN.trust_anchor());
    let parts = ["launch TCB part FMC", "committed TCB part FMC", "reported TCB part FMC"];
    let findings = refused_by(&verifier, &honest_of(&TURIN).evidence().unwrap(), &parts);
    assert_eq!((&*findings[0].expected, &*findings[0].found), ("at least 2 (the minimum)", "1"));
}

#[test]
fn nothing_may_follow_the_8_bytes_of_turins_chip_id() {
    let longer = honest_of(&TURIN).edit(|report| report.chip_id[8] = 1).evidence().unwrap();
    let findings = refused_by(&verifier_of(&TURIN), &longer, &["report field CHIP_ID"]);
    let expected = format!("hwID of the VCEK: {}", hex::encode(&TURIN.chip_id()[..8]));
    assert_eq!(findings[0].expected, expected);
}
