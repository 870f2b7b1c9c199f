//! Who signed a report, and whether that still counts.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use contrast_attestation::{
    CollateralSource, EvidenceType, Missing, NoCollateral, Rejection,
    simulated::{EndorsementTemplate, Hierarchy, Processor, ReportBuilder},
    snp::{Product, Revocation, SigningKey, SnpVerifier, TcbParts, TrustAnchor},
    tdx::{Collateral, PckCa},
};

use super::{
    advises,
    snp::{GENOA, HOST_DATA, PROCESSOR, REPORT_DATA, honest, reference, rejection, verifier},
};

const LIST: &str = "revocation list of ARK-Genoa";
const HOUR: Duration = Duration::from_secs(60 * 60);
const RENEW: &str = "delete the certificates that the host keeps";

/// A source that has at most a revocation list.
struct AtHand(Option<Vec<u8>>);

impl CollateralSource for AtHand {
    fn snp_crl(&self, product: Product, kind: SigningKey) -> Result<Arc<[u8]>, Missing> {
        self.0.clone().map_or_else(|| NoCollateral.snp_crl(product, kind), |list| Ok(list.into()))
    }

    fn snp_vcek(&self, product: Product, chip_id: &[u8; 64], tcb: TcbParts) -> Result<Arc<[u8]>, Missing> {
        NoCollateral.snp_vcek(product, chip_id, tcb)
    }

    fn tdx_collateral(&self, fmspc: [u8; 6], ca: PckCa) -> Result<Arc<Collateral>, Missing> {
        NoCollateral.tdx_collateral(fmspc, ca)
    }
}

/// As an entry for hardware judges, but under the root of the simulated processor.
fn hardware(list: Option<Vec<u8>>) -> SnpVerifier {
    SnpVerifier::new("snp-1-GENOA", reference(), PROCESSOR.trust_anchor())
        .with_revocation(Revocation::Required)
        .with_collateral(Arc::new(AtHand(list)))
}

fn judged(builder: ReportBuilder<'_>) -> Rejection {
    let unnamed = list(&[]);
    rejection(&hardware(Some(unnamed)), &builder.evidence().unwrap(), SystemTime::now())
}

fn list(serials: &[u64]) -> Vec<u8> {
    let now = SystemTime::now();
    GENOA.revocation_list(serials, now - HOUR, now + HOUR).unwrap()
}

fn reissued(change: impl FnOnce(&mut EndorsementTemplate)) -> ReportBuilder<'static> {
    let chip = PROCESSOR.chip_id().to_vec();
    let key = PROCESSOR.public_key().unwrap();
    let mut template = EndorsementTemplate::new(Product::Genoa, PROCESSOR.tcb(), chip, key);
    change(&mut template);
    honest().endorse(|sent| sent.vcek = GENOA.issue(&template).unwrap())
}

#[test]
fn a_machine_whose_key_is_revoked_is_not_to_be_used_whichever_key_it_is() {
    for serial in [0, 0x01_0000, 0x01_0001] {
        let rejection =
            rejection(&hardware(Some(list(&[serial]))), &honest().evidence().unwrap(), SystemTime::now());
        advises(rejection, LIST, "", "do not use the machine");
    }
}

#[test]
fn a_list_is_to_be_fetched_if_it_is_missing_stale_or_forged() {
    let now = SystemTime::now();
    let stale = GENOA.revocation_list(&[], now - 2 * HOUR, now - HOUR).unwrap();
    let future = GENOA.revocation_list(&[], now + HOUR, now + 2 * HOUR).unwrap();
    for (list, step) in [
        (None, "let the program reach AMD"),
        (Some(stale), "check the clock"),
        (Some(future), "check the clock"),
        (Some(b"garbage".to_vec()), "from AMD itself"),
    ] {
        advises(rejection(&hardware(list), &honest().evidence().unwrap(), now), LIST, "", step);
    }
}

#[test]
fn a_broken_chain_is_never_mended_by_reaching_the_vendor() {
    let foreign = Hierarchy::generate(Product::Genoa).unwrap();
    let ask = foreign.ask().to_vec();
    let endorsed = || honest().endorse(|sent| sent.ask.clone_from(&ask));
    advises(judged(endorsed()), "ASK certificate signature", "", RENEW);
    let vcek = Processor::new(&foreign).unwrap().endorsements().vcek.clone();
    let endorsed = honest().endorse(|sent| sent.vcek = vcek);
    advises(judged(endorsed), "VCEK certificate signature", "", RENEW);
    let endorsed = honest().endorse(|sent| std::mem::swap(&mut sent.vcek, &mut sent.ask));
    advises(judged(endorsed), "ASK certificate common name", "", RENEW);
    let endorsed = honest().endorse(|sent| sent.vcek = b"garbage".to_vec());
    advises(judged(endorsed), "VCEK certificate", "", RENEW);
    let endorsed = reissued(|template| template.hardware_id.clear());
    advises(judged(endorsed), "VCEK certificate extension hwID", "", RENEW);
}

#[test]
fn a_certificate_that_is_missing_is_published_or_has_to_be_sent() {
    let bare = || honest().endorse(|sent| sent.vcek.clear());
    advises(judged(bare()), "VCEK certificate", "", "--url");
    // Nobody can tell where the certificate of a masked chip is.
    let masked = bare().edit(|report| report.chip_id = [0; 64]);
    advises(judged(masked), "VCEK certificate", "", "have the host send");
    advises(
        judged(honest().edit(|report| report.signer_info = 1 << 2)),
        "VLEK certificate",
        "",
        "have the host send",
    );
    // That of a simulated processor is in its document, and nowhere else.
    let rejection = rejection(&verifier(reference()), &bare().evidence().unwrap(), SystemTime::now());
    advises(rejection, "VCEK certificate", "", "whole document");
}

#[test]
fn another_root_leads_to_the_manifest_only_where_the_manifest_names_one() {
    let foreign = Processor::new(&Hierarchy::generate(Product::Genoa).unwrap()).unwrap();
    let evidence = foreign.report_builder(HOST_DATA, REPORT_DATA).evidence().unwrap();
    let simulated = rejection(&verifier(reference()), &evidence, SystemTime::now());
    advises(simulated, "ARK certificate", "ReferenceValues.simulated[2].Root", "simulated processor");
    let mut evidence = honest().evidence().unwrap();
    evidence.evidence_type = EvidenceType::Snp;
    let amd = SnpVerifier::new("snp-0-GENOA", reference(), TrustAnchor::Amd);
    let rejection = rejection(&amd, &evidence, SystemTime::now());
    advises(rejection, "ARK certificate", "", "production hardware");
}

#[test]
fn dates_of_certificates_lead_to_the_clock() {
    let evidence = honest().evidence().unwrap();
    for field in ["ARK certificate validity", "ASK certificate validity", "VCEK certificate validity"] {
        advises(rejection(&hardware(None), &evidence, UNIX_EPOCH), field, "", "check the clock");
    }
}

#[test]
fn a_certificate_of_other_firmware_or_product_is_told_from_a_broken_one() {
    advises(judged(reissued(|template| template.tcb.snp += 1)), "report field REPORTED_TCB", "", RENEW);
    let milan = reissued(|template| "Milan-B0".clone_into(&mut template.product_name));
    advises(
        judged(milan),
        "VCEK extension productName",
        "ReferenceValues.snp[1].ProductName",
        "add an entry",
    );
}

#[test]
fn evidence_that_is_not_signed_leads_to_the_host_and_altered_evidence_nowhere() {
    advises(
        judged(honest().edit(|report| report.signer_info = 2)),
        "report field KEY_INFO",
        "",
        "MASK_CHIP_KEY",
    );
    let mut document = honest().sign().unwrap();
    document.report.signature[0] ^= 1;
    let evidence = contrast_attestation::Evidence {
        evidence_type: EvidenceType::Simulated,
        document: document.encode(),
    };
    let rejection = rejection(&hardware(Some(list(&[]))), &evidence, SystemTime::now());
    advises(rejection, "report field SIGNATURE", "", "do not use the evidence");
}
