//! Attacks on the appraisal of SNP evidence, each refused for its own reason.
//!
//! A simulated processor signs whatever a test wants, so nearly every fault here is one of properly signed
//! evidence: what refuses it is the check that the test names, not the signature.

#[cfg(test)]
#[path = "attacks/attached_lists.rs"]
mod attached_lists;
#[cfg(test)]
#[path = "attacks/certificates.rs"]
mod certificates;
#[cfg(test)]
#[path = "attacks/documents.rs"]
mod documents;
#[cfg(test)]
#[path = "attacks/flips.rs"]
mod flips;
#[cfg(test)]
#[path = "attacks/products.rs"]
mod products;
#[cfg(test)]
#[path = "attacks/resigned.rs"]
mod resigned;
#[cfg(test)]
#[path = "attacks/revocation.rs"]
mod revocation;
#[cfg(test)]
#[path = "attacks/signatures.rs"]
mod signatures;
#[cfg(test)]
mod support;
#[cfg(test)]
#[path = "attacks/validity.rs"]
mod validity;

use contrast_attestation::{
    Evidence, EvidenceType, Finding, Verifier,
    snp::{
        MitigationVectors, PlatformInfo, Product, ReferenceValues, SnpVerifier, TcbParts, TrustAnchor,
        id_block, measurement,
    },
};
use support::*;

#[test]
fn honest_evidence_of_every_known_version_is_accepted() {
    for version in 2..=5 {
        accepted(honest().version(version));
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let builder = honest().edit(|report| {
        report.host_data = [1; 32];
        report.vmpl = 1;
        report.measurement = [2; 48];
        report.platform_info |= 1 << 1;
        report.chip_id[63] ^= 1;
    });
    refused(
        builder,
        &[
            "report field HOST_DATA",
            "report field VMPL",
            "report field MEASUREMENT",
            "report field PLATFORM_INFO.TSME_EN",
            "report field CHIP_ID",
        ],
    );
}

// TCB versions and firmware.

#[test]
fn a_tcb_version_with_one_lower_part_is_refused_though_it_is_higher_as_a_number() {
    let mut reference = reference();
    reference.minimum_tcb.bootloader += 1;
    reference.minimum_tcb.microcode -= 10;
    let parts =
        ["launch TCB part BOOT_LOADER", "committed TCB part BOOT_LOADER", "reported TCB part BOOT_LOADER"];
    let findings = refused_by(&verifier(reference), &honest().evidence().unwrap(), &parts);
    let told =
        |finding: &Finding| (&*finding.expected, &*finding.found) == ("at least 11 (the minimum)", "10");
    assert!(findings.iter().all(told), "{findings:?}");
}

#[test]
fn each_part_of_each_tcb_version_must_reach_the_minimum() {
    type Lower = fn(&mut TcbParts) -> &mut u8;
    let parts: [(&str, Lower); 3] = [
        ("BOOT_LOADER", |tcb| &mut tcb.bootloader),
        ("SNP", |tcb| &mut tcb.snp),
        ("MICROCODE", |tcb| &mut tcb.microcode),
    ];
    for (name, part) in parts {
        let mut tcb = PROCESSOR.tcb();
        *part(&mut tcb) -= 1;
        let lower = tcb.encode(Product::Genoa);
        let builder = honest().edit(|report| report.launch_tcb = lower);
        refused(builder, &[&format!("launch TCB part {name}")]);
        let builder = honest().edit(|report| report.committed_tcb = lower);
        refused(builder, &[&format!("committed TCB part {name}")]);
        let builder = honest().edit(|report| report.reported_tcb = lower);
        refused(builder, &[&format!("reported TCB part {name}"), "report field REPORTED_TCB"]);
        let builder = honest().edit(|report| report.current_tcb = lower);
        let field = format!("current TCB part {name}");
        // Once for the committed, once for the reported version.
        refused(builder, &[&field, &field]);
    }
}

#[test]
fn provisional_firmware_is_refused_if_the_host_can_go_back_below_the_minimum() {
    let mut newer = PROCESSOR.tcb();
    newer.snp += 1;
    accepted(honest().edit(|report| report.current_tcb = newer.encode(Product::Genoa)));
    let mut older = PROCESSOR.tcb();
    older.snp -= 1;
    let builder = honest().edit(|report| {
        report.current_tcb = newer.encode(Product::Genoa);
        report.committed_tcb = older.encode(Product::Genoa);
    });
    refused(builder, &["committed TCB part SNP"]);
}

#[test]
fn firmware_that_is_committed_but_newer_than_the_current_one_is_refused() {
    let field = "report fields COMMITTED_MAJOR, COMMITTED_MINOR and COMMITTED_BUILD";
    refused(honest().edit(|report| report.committed.build += 1), &[field]);
    refused(honest().edit(|report| report.committed.minor += 1), &[field]);
    refused(honest().edit(|report| report.committed.major += 1), &[field]);
    accepted(honest().edit(|report| report.current.build += 1));
}

#[test]
fn a_missing_mitigation_is_refused() {
    let required = ReferenceValues { minimum_mitigation_vector: 0b101, ..reference() };
    let with = |launch, current| {
        let vectors = MitigationVectors { launch, current };
        honest().edit(|report| report.mitigations = Some(vectors)).evidence().unwrap()
    };
    let verifier = verifier(required);
    appraise(&verifier, &with(0b111, 0b101)).unwrap();
    refused_by(&verifier, &with(0b001, 0b101), &["report field LAUNCH_MIT_VECTOR"]);
    refused_by(&verifier, &with(0b101, 0b110), &["report field CURRENT_MIT_VECTOR"]);
    let older = honest().version(4).evidence().unwrap();
    refused_by(&verifier, &older, &["report field CURRENT_MIT_VECTOR"]);
}

// Guest policy, platform, privilege level.

#[test]
fn a_guest_policy_with_a_right_that_is_not_allowed_is_refused() {
    for (bit, name) in [(18, "MIGRATE_MA"), (19, "DEBUG"), (21, "CXL_ALLOW")] {
        let builder = honest().edit(|report| report.policy |= 1 << bit);
        refused(builder, &[&format!("report field POLICY.{name}")]);
    }
    let mut reference = reference();
    reference.guest_policy.smt = false;
    let verifier = verifier(reference).without_id_block();
    refused_by(&verifier, &honest().evidence().unwrap(), &["report field POLICY.SMT"]);
}

#[test]
fn a_guest_policy_without_a_required_protection_is_refused() {
    let mut reference = reference();
    reference.guest_policy.single_socket = true;
    reference.guest_policy.mem_aes_256_xts = true;
    reference.guest_policy.rapl_dis = true;
    reference.guest_policy.ciphertext_hiding_dram = true;
    reference.guest_policy.page_swap_disable = true;
    reference.guest_policy.abi_minor = 31;
    let fields = [
        "report field POLICY.ABI",
        "report field POLICY.SINGLE_SOCKET",
        "report field POLICY.MEM_AES_256_XTS",
        "report field POLICY.RAPL_DIS",
        "report field POLICY.CIPHERTEXT_HIDING_DRAM",
        "report field POLICY.PAGE_SWAP_DISABLE",
    ];
    let verifier = verifier(reference).without_id_block();
    refused_by(&verifier, &honest().evidence().unwrap(), &fields);
}

#[test]
fn unknown_guest_policy_bits_are_refused() {
    for bit in 26..64 {
        let words = format!("unknown bits {:#018x}", 1_u64 << bit);
        refused_saying(honest().edit(|report| report.policy |= 1 << bit), "report field POLICY", &words);
    }
    let builder = honest().edit(|report| report.policy &= !(1 << 17));
    refused_saying(builder, "report field POLICY", "does not set bit 17, which must be one");
}

#[test]
fn each_platform_info_bit_is_judged() {
    for (bit, name) in [(1, "TSME_EN"), (7, "TIO_EN")] {
        let builder = honest().edit(|report| report.platform_info |= 1 << bit);
        refused(builder, &[&format!("report field PLATFORM_INFO.{name}")]);
    }
    let strict = PlatformInfo {
        smt_enabled: false,
        ecc_enabled: true,
        rapl_disabled: true,
        ciphertext_hiding_dram_enabled: true,
        alias_check_complete: true,
        ..PlatformInfo::default()
    };
    let fields = [
        "report field PLATFORM_INFO.SMT_EN",
        "report field PLATFORM_INFO.ECC_EN",
        "report field PLATFORM_INFO.RAPL_DIS",
        "report field PLATFORM_INFO.CIPHERTEXT_HIDING_DRAM_EN",
        "report field PLATFORM_INFO.ALIAS_CHECK_COMPLETE",
    ];
    let verifier = verifier(ReferenceValues { platform_info: Some(strict), ..reference() });
    refused_by(&verifier, &honest().evidence().unwrap(), &fields);
    for bit in std::iter::once(6).chain(8..64) {
        let builder = honest().edit(|report| report.platform_info |= 1 << bit);
        let words = format!("unknown bits {:#018x}", 1_u64 << bit);
        refused_saying(builder, "report field PLATFORM_INFO", &words);
    }
}

#[test]
fn a_report_from_another_privilege_level_is_refused() {
    for vmpl in [1, 2, 3, u32::MAX] {
        let findings = refused(honest().edit(|report| report.vmpl = vmpl), &["report field VMPL"]);
        assert_eq!((&*findings[0].expected, &*findings[0].found), ("0", &*vmpl.to_string()));
    }
}

// Binding, launch, chip.

#[test]
fn evidence_for_another_key_or_nonce_is_refused() {
    for position in 0..64 {
        refused(honest().edit(|report| report.report_data[position] ^= 1), &["report field REPORT_DATA"]);
    }
}

#[test]
fn host_data_that_is_not_allowed_is_refused_and_the_nearest_entry_is_named() {
    let mut reference = reference();
    reference.allowed_host_data = [[7; 32], HOST_DATA].into();
    let builder = honest().edit(|report| report.host_data[31] ^= 1);
    let verifier = verifier(reference);
    let findings = refused_by(&verifier, &builder.evidence().unwrap(), &["report field HOST_DATA"]);
    assert!(findings[0].expected.contains(&hex::encode(HOST_DATA)), "{findings:?}");
    let none = support::verifier(PROCESSOR.reference_values());
    refused_by(&none, &honest().evidence().unwrap(), &["report field HOST_DATA"]);
}

#[test]
fn another_measurement_or_id_block_is_refused() {
    refused(honest().edit(|report| report.measurement[0] ^= 1), &["report field MEASUREMENT"]);
    refused(honest().edit(|report| report.id_key_digest[0] ^= 1), &["report field ID_KEY_DIGEST"]);
    refused(honest().edit(|report| report.id_key_digest = [0; 48]), &["report field ID_KEY_DIGEST"]);
    refused(honest().edit(|report| report.guest_svn += 1), &["report field ID_KEY_DIGEST"]);
    refused(honest().edit(|report| report.family_id[0] = 1), &["report field FAMILY_ID"]);
    refused(honest().edit(|report| report.image_id[0] = 1), &["report field IMAGE_ID"]);
}

#[test]
fn a_guest_may_have_1_to_220_vcpus_where_the_reference_value_says_so() {
    const AP_EIP: u32 = 0x0080_B004;
    let reference = ReferenceValues { ap_eip: Some(AP_EIP), ..reference() };
    let variants = measurement::vcpu_variants(reference.measurement, AP_EIP, reference.product);
    let many = verifier(reference.clone());
    let exact = verifier(ReferenceValues { ap_eip: None, ..reference.clone() });
    let launched = |digest: [u8; 48]| {
        let id_key = id_block::key_digest(&digest, reference.guest_policy, 2).unwrap();
        let builder = honest().edit(|report| {
            report.measurement = digest;
            report.id_key_digest = id_key;
        });
        builder.evidence().unwrap()
    };
    appraise(&many, &launched(variants[0])).unwrap();
    appraise(&many, &launched(variants[219])).unwrap();
    appraise(&exact, &launched(variants[0])).unwrap();
    let fields = ["report field MEASUREMENT", "report field ID_KEY_DIGEST"];
    refused_by(&exact, &launched(variants[1]), &fields);
    // One vCPU too many: a variant of the last.
    let beyond = measurement::vcpu_variants(variants[219], AP_EIP, reference.product)[1];
    refused_by(&many, &launched(beyond), &fields);
    // The right number of vCPUs, under the ID key of another.
    let mixed = honest().edit(|report| report.measurement = variants[5]);
    refused_by(&many, &mixed.evidence().unwrap(), &["report field ID_KEY_DIGEST"]);
}

#[test]
fn a_chip_that_is_not_listed_is_refused() {
    let only = |chip_id| verifier(ReferenceValues { allowed_chip_ids: vec![chip_id], ..reference() });
    let evidence = honest().evidence().unwrap();
    appraise(&only(PROCESSOR.chip_id()), &evidence).unwrap();
    refused_by(&only([9; 64]), &evidence, &["report field CHIP_ID"]);
    // Not even a list that names zero accepts a masked chip ID.
    let masked = honest().edit(|report| report.chip_id = [0; 64]).evidence().unwrap();
    let findings = refused_by(&only([0; 64]), &masked, &["report field CHIP_ID"]);
    assert_eq!(findings[0].found, "zero (MASK_CHIP_ID)");
}

#[test]
fn a_masked_chip_id_is_refused_in_version_2_only() {
    let masked = || honest().edit(|report| report.chip_id = [0; 64]);
    let words = "zero (MASK_CHIP_ID), so that nothing tells the processor";
    refused_saying(masked().version(2), "report field CHIP_ID", words);
    accepted(masked().version(3));
}

#[test]
fn a_report_whose_signing_key_is_masked_or_unknown_is_refused() {
    for (signer_info, words) in [
        (0b10, "MASK_CHIP_KEY is set, so the report is not signed"),
        (0b0_1000, "SIGNING_KEY is 2, which is neither VCEK (0) nor VLEK (1)"),
        (0b1_1100, "SIGNING_KEY is 7, which is neither VCEK (0) nor VLEK (1)"),
        (1 << 5, "reserved bits 0x00000020 are set"),
        (1 << 31, "reserved bits 0x80000000 are set"),
    ] {
        let builder = honest().edit(|report| report.signer_info = signer_info);
        refused_saying(builder, "report field KEY_INFO", words);
    }
    accepted(honest().edit(|report| report.signer_info = 1));
}

// Real and simulated.

#[test]
fn a_hardware_entry_accepts_no_simulated_evidence_under_either_name() {
    let hardware = SnpVerifier::new("snp-0-GENOA", reference(), TrustAnchor::Amd);
    let simulated = honest().evidence().unwrap();
    let findings = refused_by(&hardware, &simulated, &["evidence type"]);
    let names = (EvidenceType::Snp.name(), EvidenceType::Simulated.name());
    assert_eq!((&*findings[0].expected, &*findings[0].found), names);
    let disguised = Evidence { evidence_type: EvidenceType::Snp, document: simulated.document };
    let findings = refused_by(&hardware, &disguised, &["ARK certificate"]);
    assert_eq!(findings[0].found, hex::encode(PROCESSOR.root_digest()));
    // Without its own root, the simulated ASK stands below AMD's.
    let rootless = honest().endorse(|certificates| certificates.ark.clear()).evidence().unwrap();
    let rootless = Evidence { evidence_type: EvidenceType::Snp, ..rootless };
    refused_by(&hardware, &rootless, &["ASK certificate issuer"]);
}

#[test]
fn a_simulated_entry_accepts_neither_hardware_evidence_nor_another_simulator() {
    let verifier = verifier(reference());
    assert_eq!(verifier.evidence_type(), EvidenceType::Simulated);
    let hardware = Evidence { evidence_type: EvidenceType::Snp, ..honest().evidence().unwrap() };
    let findings = refused_by(&verifier, &hardware, &["evidence type"]);
    let names = (EvidenceType::Simulated.name(), EvidenceType::Snp.name());
    assert_eq!((&*findings[0].expected, &*findings[0].found), names);
    let anchor = TrustAnchor::Simulated { root_digest: [1; 32] };
    let other = SnpVerifier::new("simulated-1", reference(), anchor);
    refused_by(&other, &honest().evidence().unwrap(), &["ARK certificate"]);
}
